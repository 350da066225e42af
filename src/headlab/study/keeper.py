"""Where a study's runs are kept: a folder's `Store`, or `Memory`; who trains and reads them asks both alike."""

from headlab.study.memory import Memory
from headlab.study.store import Store

Keeper = Store | Memory
