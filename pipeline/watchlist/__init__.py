"""The watch-list as data: what is watched and by which rules it is recognised.

``models`` is the language, each value checked by itself; ``reading`` joins packs, files and a configuration into one
watch-list and checks what only shows when they stand together; ``schema`` tells editors. Never tags: ``tag`` does.
"""

from pipeline.watchlist.models import Condition, Entity, Exclusion, Pack, Rule, Watchlist
from pipeline.watchlist.reading import DEFAULT_PACK, build, from_config, load_pack, pack_names

__all__ = [
    "DEFAULT_PACK",
    "Condition",
    "Entity",
    "Exclusion",
    "Pack",
    "Rule",
    "Watchlist",
    "build",
    "from_config",
    "load_pack",
    "pack_names",
]
