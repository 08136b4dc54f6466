/* SPDX-License-Identifier: Apache-2.0
 * A program as it might run on the board, in C: one call of each kind, one word each on stdout. */
#include <errno.h>
#include <fcntl.h>
#include <linux/gpio.h>
#include <linux/i2c-dev.h>
#include <linux/i2c.h>
#include <linux/spi/spidev.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static int lines(int chip, unsigned offset, uint64_t flags)
{
    struct gpio_v2_line_request request = {.offsets = {offset}, .num_lines = 1};
    request.config.flags = flags;
    return ioctl(chip, GPIO_V2_GET_LINE_IOCTL, &request) ? -1 : request.fd;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 64;
    struct stat node;
    printf("%d\n", stat("/dev/i2c-1", &node) == 0 && S_ISCHR(node.st_mode));

    const int i2c = open("/dev/i2c-1", O_RDWR);
    unsigned char reg = 0x0F, word[2] = {0, 0};
    struct i2c_msg parts[2] = {{0x49, 0, 1, &reg}, {0x49, I2C_M_RD, 2, word}};
    struct i2c_rdwr_ioctl_data both = {parts, 2};
    printf("%d %02x%02x\n", ioctl(i2c, I2C_RDWR, &both), word[0], word[1]);
    parts[0].addr = parts[1].addr = 0x20;
    printf("%d\n", ioctl(i2c, I2C_RDWR, &both) < 0 ? errno : 0);

    const int spi = open("/dev/spidev0.0", O_RDWR);
    uint8_t mode = SPI_MODE_3, got = 0;
    ioctl(spi, SPI_IOC_WR_MODE, &mode);
    ioctl(spi, SPI_IOC_RD_MODE, &got);
    static char data[65537];
    struct iovec pair[2] = {{data, 1000}, {data, 1000}};
    printf("%d %zd\n", got, readv(spi, pair, 2));
    printf("%d\n", read(spi, data, sizeof data) < 0 ? errno : 0);
    struct spi_ioc_transfer two[2] = {
        {.rx_buf = (uintptr_t)data, .len = 100},
        {.tx_buf = (uintptr_t)data, .len = 28},
    };
    printf("%d\n", ioctl(spi, SPI_IOC_MESSAGE(2), two));

    const int chip = open("/dev/gpiochip0", O_RDWR | O_CLOEXEC);
    const int fan = lines(chip, (unsigned)atoi(argv[1]), GPIO_V2_LINE_FLAG_OUTPUT);
    const int tacho = lines(chip, (unsigned)atoi(argv[2]),
                            GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_EDGE_RISING);
    struct gpio_v2_line_values on = {.bits = 1, .mask = 1};
    printf("%d\n", ioctl(fan, GPIO_V2_LINE_SET_VALUES_IOCTL, &on));
    struct pollfd wait = {.fd = tacho, .events = POLLIN};
    struct gpio_v2_line_event event = {0};
    const int ready = poll(&wait, 1, 20000);
    printf("%d %d %u\n", ready, (int)read(tacho, &event, sizeof event), event.id);
    return 0;
}
