# SPDX-License-Identifier: Apache-2.0
"""What the drivers speak to: I2C, SPI and GPIO lines."""
