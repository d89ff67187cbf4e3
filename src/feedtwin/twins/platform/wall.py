"""What each user puts before their followers: the latest upload, or a later share. Derived, not state.

Retrieval's followed and community windows show a followee by this one video. A share travels this way while
it is newer than the sharer's latest upload and at most `share_window_steps` old; what governance removed or
slowed down does not travel. Source: REC-1 (followed pool), GOV-2 (cascades).
"""

import numpy as np

from feedtwin.columns import FrozenColumns
from feedtwin.schema.codes import ItemKind
from feedtwin.twins.platform.retrieval import NO_ITEM


def wall(accounts: FrozenColumns, items: FrozenColumns, step: int, window_steps: int) -> np.ndarray:
    """Return the content row that each user's followers may be shown, u4 (U,); NO_ITEM for none.

    Args:
        accounts: Needs `latest_row`, `share_row`, `share_step`.
        items: Needs `created_step`, `is_public`, `kind`, `slowed`.
        step: The present step.
        window_steps: How old a share may be; 0 shows uploads only.
    """
    shown = accounts.latest_row.copy()
    uploaders = np.nonzero(shown < len(items))[0]  # NO_ITEM is no row of any catalogue
    shown[uploaders[items.is_public[shown[uploaders]] == 0]] = NO_ITEM
    if window_steps <= 0:
        return shown
    row, since = accounts.share_row, accounts.share_step
    sharers = np.nonzero((row < len(items)) & (since >= step - window_steps))[0]
    shared, own = row[sharers], accounts.latest_row[sharers]
    travels = (items.is_public[shared] == 1) & (items.slowed[shared] == 0)
    travels &= items.kind[shared] == ItemKind.VIDEO
    uploads = own < len(items)
    travels &= ~uploads | (since[sharers] >= items.created_step[np.where(uploads, own, 0)])
    shown[sharers[travels]] = shared[travels]
    return shown
