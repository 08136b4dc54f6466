# SPDX-License-Identifier: Apache-2.0
"""The preload library that turns device nodes into sockets of the plant's server."""
