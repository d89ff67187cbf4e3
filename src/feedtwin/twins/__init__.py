"""The four twins. They do not import each other: event batches are all that passes between them."""
