/* SPDX-License-Identifier: Apache-2.0 */
/* One el640 frame as packets, for chain_driver's link stages. */
#ifndef LINK_DRIVER_H
#define LINK_DRIVER_H

#include <string.h>

#include "edgeleak/el640.h"
#include "sample.h"

struct link {
    size_t w, h;
    uint8_t *packets;
    uint32_t counts[EL640_COUNTS];
};

static void
link_make(struct link *link, const uint16_t *counts, size_t w, size_t h)
{
    link->w = w, link->h = h;
    link->packets = (uint8_t *)sample_room(h + 1, el640_packet_bytes(w));
    memset(link->packets, 0, (h + 1) * el640_packet_bytes(w));
    el640_pack(counts, w, h, link->packets, 1, 0);
    el640_seal(link->packets + h * el640_packet_bytes(w), w, EL640_TELEMETRY, 1, 0);
}

/* What capture does with every packet, what the frames loop does, and what the model does. */
static int
link_run(struct link *link, const char *stage, uint16_t *counts)
{
    if (strcmp(stage, "link_check") == 0)
        el640_gather(link->packets, link->w, link->h, 0, link->h + 1, link->counts);
    else if (strcmp(stage, "link_unpack") == 0)
        link->counts[0] = el640_unpack(link->packets, link->w, link->h, counts);
    else if (strcmp(stage, "link_pack") == 0)
        el640_pack(counts, link->w, link->h, link->packets, 1, 0);
    else
        return 0;
    return 1;
}

#endif /* LINK_DRIVER_H */
