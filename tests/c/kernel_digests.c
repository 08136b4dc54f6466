/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums of every kernel over deterministic input: one line a kernel and setting.
 *
 * The same lines must come from every instruction set, every machine, under
 * the sanitizers, and from Python (tests/c/kernel_digests.py), where both the
 * compiled kernels and their NumPy twins stand in.
 */
#include "digest_link.h"
#include "digest_pixels.h"
#include "digest_planes.h"

int
main(void)
{
    digest_nuc();
    digest_tables();
    digest_agc();
    digest_grey();
    digest_counts();
    digest_follow();
    digest_change();
    digest_clahe();
    digest_chain();
    digest_smooth();
    digest_level();
    digest_morphology();
    digest_regions();
    digest_codec();
    digest_crc16();
    digest_el640();
    digest_vospi();
    return 0;
}
