"""Columns of money: accounts of users, pooled accounts, ads, products. Allocated only where there is money."""

from feedtwin.schema.tables import Column, TableSpec, declare


def _column(
    name: str, dtype: str, unit: str, meaning: str, *, visible: bool = True, fill: float = 0
) -> Column:
    return Column(name, dtype, (), unit, meaning, visible, fill)


_USD = "micro-USD"

LEDGER = declare(
    TableSpec(
        "ledger",
        "platform",
        "user",
        (
            _column("earned", "u8", _USD, "what reached the user as a creator so far"),
            _column("gifts", "u8", _USD, "the part of it that came from gifts, live ones included"),
            _column("sold", "u8", _USD, "what reached the user as a merchant so far"),
            _column("paid_out", "u8", _USD, "what of it was paid out so far"),
            _column("spent", "u8", _USD, "what the user paid so far"),
            _column("transactions", "u4", "count", "transactions with the user's number so far"),
        ),
    )
)

POOLED = ("platform", "advertisers", "outside")
"""Rows of the books: the platform's treasury, what advertisers put in (negative), what was paid out."""

BOOKS = declare(
    TableSpec(
        "books",
        "platform",
        "account",
        (_column("balance", "i8", _USD, "balance: platform, advertisers, outside"),),
    )
)

ADS = declare(
    TableSpec(
        "ads",
        "platform",
        "ad",
        (
            _column("row", "u4", "row", "content row of the ad"),
            _column("advertiser", "u4", "id", "advertiser, an id from 4294901760 on"),
            _column("creative", "u4", "count", "the advertiser's n-th ad"),
            _column("category", "u2", "code", "category whose audience it wants"),
            _column("price", "u8", _USD, "bid for one impression"),
            _column("place", "u4", "1", "place on the ring from which bidders are taken"),
            _column("impressions", "u4", "count", "impressions paid so far"),
            _column("spent", "u8", _USD, "what the advertiser paid for it so far"),
        ),
    )
)

PRODUCTS = declare(
    TableSpec(
        "products",
        "platform",
        "product",
        (
            _column("item", "u8", "id", "merchant << 32 | 1 << 29 | the merchant's n-th product"),
            _column("merchant", "u4", "id", "creator who sells it"),
            _column("category", "u2", "code", "category whose audience it is for"),
            _column("price", "u8", _USD, "price of a unit"),
            _column("quality", "f4", "1", "quality, 0-1", visible=False),
            _column("capacity", "u4", "units", "stock after it was filled up"),
            _column("inventory", "u4", "units", "stock after the latest sale"),
            _column("stocked_step", "i4", "step", "step of the latest sale"),
            _column("units_sold", "u4", "units", "units sold so far"),
        ),
    )
)

FUND = declare(
    TableSpec(
        "fund",
        "platform",
        "user",
        (_column("views_paid", "u4", "count", "views of the user's videos the fund has paid for"),),
    )
)
