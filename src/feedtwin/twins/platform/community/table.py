"""Columns of posts and groups; both tables are empty until somebody writes or opens one."""

from feedtwin.schema.tables import Column, TableSpec, declare

POST, COMMENT, REPOST, QUOTE = 0, 1, 2, 3
GROUPS_PER_OWNER = 15


def _count(name: str, meaning: str) -> Column:
    return Column(name, "u4", (), "count", meaning, True)


POSTS = declare(
    TableSpec(
        "posts",
        "platform",
        "post",
        (
            Column(
                "item",
                "u8",
                (),
                "id",
                "author id << 32 | 1 << 30 | the author's post ordinal",
                True,
            ),
            Column("kind", "u1", (), "code", "0 post, 1 comment, 2 repost, 3 quote", True),
            Column("parent", "u8", (), "id", "what it answers, reposts or quotes; 0 none", True),
            Column("text", "u4", (), "id", "text; 0 none", True),
            Column("created_step", "i4", (), "step", "when it was published", True),
            _count("likes", "likes that stand"),
            _count("dislikes", "dislikes that stand"),
            _count("reposts", "reposts and quotes of it"),
            _count("comments", "comments on it"),
        ),
    )
)

GROUPS = declare(
    TableSpec(
        "groups",
        "platform",
        "group",
        (
            Column("group", "u4", (), "id", "owner id << 4 | the owner's group, from 1", True),
            Column("text", "u4", (), "id", "name; 0 none", True),
            Column("created_step", "i4", (), "step", "when it was opened", True),
            _count("members", "members now"),
            _count("messages", "messages sent so far"),
        ),
    )
)
