# SPDX-License-Identifier: Apache-2.0
from typing import TypedDict

class BuildInfo(TypedDict):
    machine: str
    compiler: str
    flags: str
    source_hash: str
    isa_variants: tuple[str, ...]
    isa: str

VARIANTS: tuple[str, ...]

def cpu_features() -> dict[str, bool]: ...
def build_info() -> BuildInfo: ...
