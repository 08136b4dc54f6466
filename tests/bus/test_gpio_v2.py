# SPDX-License-Identifier: Apache-2.0
"""Numbers and layouts of the kernel's GPIO interface, checked against its own header."""

import shutil
import subprocess

import pytest

from edgeleak.bus import gpio_v2
from edgeleak.sim import gpio_node

HEADER_FACTS = r"""
#include <linux/gpio.h>
#include <stddef.h>
#include <stdio.h>
#define P(x) printf("%llu\n", (unsigned long long)(x))
int main(void)
{
    P(GPIO_V2_GET_LINE_IOCTL); P(GPIO_V2_LINE_GET_VALUES_IOCTL); P(GPIO_V2_LINE_SET_VALUES_IOCTL);
    P(GPIO_V2_LINE_FLAG_ACTIVE_LOW); P(GPIO_V2_LINE_FLAG_INPUT); P(GPIO_V2_LINE_FLAG_OUTPUT);
    P(GPIO_V2_LINE_FLAG_EDGE_RISING); P(GPIO_V2_LINE_FLAG_EDGE_FALLING);
    P(GPIO_V2_LINE_FLAG_BIAS_PULL_UP); P(GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN);
    P(sizeof(struct gpio_v2_line_request)); P(sizeof(struct gpio_v2_line_config_attribute));
    P(sizeof(struct gpio_v2_line_values)); P(sizeof(struct gpio_v2_line_event));
    P(GPIO_V2_LINES_MAX); P(GPIO_V2_LINE_NUM_ATTRS_MAX); P(GPIO_V2_LINE_ATTR_ID_FLAGS);
    P(sizeof(struct gpio_v2_line_info)); P(sizeof(struct gpiochip_info));
    struct gpio_v2_line_request r = {.offsets = {17, 18}, .consumer = "edgeleak",
        .num_lines = 2, .event_buffer_size = 16,
        .config = {.flags = GPIO_V2_LINE_FLAG_OUTPUT, .num_attrs = 1, .attrs = {{
            .attr = {.id = GPIO_V2_LINE_ATTR_ID_FLAGS,
                     .flags = GPIO_V2_LINE_FLAG_OUTPUT | GPIO_V2_LINE_FLAG_ACTIVE_LOW},
            .mask = 2}}}};
    for (size_t i = 0; i < sizeof r; i++)
        printf("%02x", ((unsigned char *)&r)[i]);
    return 0;
}
"""


@pytest.fixture(scope="module")
def facts(tmp_path_factory):
    """Output of a C program that includes the kernel's header."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler; install gcc")
    folder = tmp_path_factory.mktemp("gpio")
    (folder / "facts.c").write_text(HEADER_FACTS)
    subprocess.run([compiler, "-o", folder / "facts", folder / "facts.c"], check=True)
    return subprocess.run([folder / "facts"], capture_output=True, text=True, check=True).stdout


def test_numbers_are_those_of_the_header(facts):
    assert [int(line) for line in facts.split()[:-1]] == [
        gpio_v2.GET_LINE, gpio_v2.GET_VALUES, gpio_v2.SET_VALUES, gpio_v2.ACTIVE_LOW,
        gpio_v2.INPUT, gpio_v2.OUTPUT, gpio_v2.EDGE_RISING, gpio_v2.EDGE_FALLING,
        gpio_v2.BIAS_PULL_UP, gpio_v2.BIAS_PULL_DOWN, gpio_v2.REQUEST.size,
        gpio_v2.ATTRIBUTE.size, gpio_v2.VALUES.size, gpio_v2.EVENT.size, gpio_v2.MOST_LINES,
        gpio_v2.MOST_ATTRIBUTES, gpio_v2.ATTRIBUTE_FLAGS, gpio_node.LINE_INFO_LAYOUT.size,
        gpio_node.CHIP_INFO_LAYOUT.size,
    ]  # fmt: skip


def test_a_request_is_byte_for_byte_that_of_the_header(facts):
    flags = [gpio_v2.OUTPUT, gpio_v2.OUTPUT | gpio_v2.ACTIVE_LOW]
    assert gpio_v2.pack_request([17, 18], flags).hex() == facts.split()[-1]


def test_too_many_kinds_or_lines_are_refused():
    with pytest.raises(ValueError, match="too many"):
        gpio_v2.pack_request(list(range(12)), [1 << i for i in range(12)])
    with pytest.raises(ValueError, match="too many"):
        gpio_v2.pack_request(list(range(65)), [gpio_v2.INPUT] * 65)
    eleven = gpio_v2.pack_request(list(range(11)), [1 << i for i in range(11)])
    assert gpio_v2.REQUEST.unpack(eleven)[66] == 10


def test_plants_node_reads_back_what_the_bus_packs():
    flags = [gpio_v2.OUTPUT, gpio_v2.OUTPUT | gpio_v2.ACTIVE_LOW, gpio_v2.OUTPUT]
    fields = gpio_node.REQUEST_LAYOUT.unpack(gpio_v2.pack_request([4, 5, 6], flags))
    assert list(fields[:3]) == [4, 5, 6]
    assert gpio_node._configured(fields[65], fields[68], fields[66], 3) == (flags, 0)
