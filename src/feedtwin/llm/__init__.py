"""Language models: one service with exact budgets, three answer sources, and replay without a network.

Twins know tasks (`llm.task`, `llm.tasks`) and hand asks to a service that they are given; the command line
uses `llm.admin`. Importing this package loads no client library: that happens when a live client opens.
"""
