/* SPDX-License-Identifier: Apache-2.0 */
/* QEMU TCG plugin: how many guest instructions ran.  Printed on stderr when
 * the guest ends, as "instructions N".
 *
 * Debian ships qemu-user with plugin support but not the header, so the five
 * functions of the plugin interface (version 1, QEMU 4.2 and later) that are
 * used here are declared by hand.  Counts are per translation block: exact
 * except for a block left by a signal, which never happens in our drivers.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
enum { INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(
    plugin_id id, void (*translated)(plugin_id id, struct qemu_plugin_tb *tb));
void qemu_plugin_register_vcpu_tb_exec_inline(
    struct qemu_plugin_tb *tb, int op, void *counter, uint64_t amount);
void qemu_plugin_register_atexit_cb(
    plugin_id id, void (*ended)(plugin_id id, void *data), void *data);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(
    plugin_id id, const void *info, int argc, char **argv);

static uint64_t executed;

static void count_block(plugin_id id, struct qemu_plugin_tb *tb)
{
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(
        tb, INLINE_ADD_U64, &executed, qemu_plugin_tb_n_insns(tb));
}

static void print_count(plugin_id id, void *data)
{
    (void)id;
    (void)data;
    fprintf(stderr, "instructions %llu\n", (unsigned long long)executed);
}

int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    (void)argc;
    (void)argv;
    qemu_plugin_register_vcpu_tb_trans_cb(id, count_block);
    qemu_plugin_register_atexit_cb(id, print_count, NULL);
    return 0;
}
