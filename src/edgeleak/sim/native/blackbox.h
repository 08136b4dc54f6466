/* SPDX-License-Identifier: Apache-2.0
 * Black box: every transaction with a device node, with its time, in an append-only file.
 *
 * $EDGELEAK_BLACKBOX names the file; $EDGELEAK_BLACKBOX_MINUTES keeps the first stretch and the
 * last so many minutes.  A call copies its record into memory and goes on: a thread of the box
 * checks and writes, so storage that is slow, full or gone costs the program no more than that
 * copy.  What found no room is counted, and the file says so where it goes on.
 *
 * Layout, machine's byte order: "ELBLKBX1", then records: struct box_head, request bytes, answer
 * bytes, zeros up to a multiple of 8.  `crc` is CRC-32 (IEEE) of everything of the record behind
 * it, padding excluded.
 */
#ifndef EDGELEAK_BLACKBOX_H
#define EDGELEAK_BLACKBOX_H

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "interpose.h"
#include "wire.h"

enum box_kind { BOX_SKIP, BOX_BUS, BOX_MARK, BOX_LOST, BOX_END };

struct box_head {
    uint32_t magic; /* BOX_MAGIC: where a reader may go on behind damage */
    uint32_t crc;
    uint16_t kind;
    uint16_t op;       /* enum op; number of the mark */
    uint32_t thread;   /* kernel's thread id */
    uint64_t begin_ns; /* CLOCK_MONOTONIC of the call */
    uint64_t code;     /* ioctl request, open flags, READ_FOLLOWS; records lost */
    uint32_t took_ns;
    int32_t result;    /* as the kernel returns it: -errno below 0 */
    uint32_t who;      /* descriptor's identity */
    uint32_t want;     /* bytes to read, messages, identity of the lines that were requested */
    uint32_t asked;    /* request bytes that follow */
    uint32_t answered; /* answer bytes that follow those */
};

#define BOX_MAGIC 0x4b424c45u /* "ELBK" */
#define BOX_ROOM (16u << 20)  /* 2.7 s of full-rate frames */
#define BOX_BATCH (1u << 18)  /* the writer is woken */
#define BOX_WAIT_NS 100000000 /* at most this much is lost when the program is killed */
#define BOX_RETRY_NS 1000000000u
#define BOX_SEGMENTS 4 /* of the minutes to keep; one more is being written */

static struct {
    pthread_mutex_t lock;
    pthread_cond_t filled, emptied;
    pthread_t writer;
    char *room;
    size_t head, tail, used; /* write at head, read at tail */
    uint64_t lost;           /* records since the last that found room */
    bool is_on, is_over, has_writer;
    int fd;
    char path[PATH_MAX];
    off_t good;         /* bytes of whole records in the file */
    uint64_t failed_ns; /* 0 while writing works */
    uint64_t dropped;   /* records the file did not take */
    uint64_t segment_ns, segment_end_ns;
    unsigned segment;
    uint32_t table[256];
} box = {.lock = PTHREAD_MUTEX_INITIALIZER, .filled = PTHREAD_COND_INITIALIZER,
         .emptied = PTHREAD_COND_INITIALIZER, .fd = -1};

static uint32_t box_crc(const void *data, size_t size)
{
    uint32_t crc = ~0u;
    for (const uint8_t *at = data, *end = at + size; at < end; at++)
        crc = box.table[(crc ^ *at) & 0xff] ^ (crc >> 8);
    return ~crc;
}

static size_t box_size(const struct box_head *head)
{
    return (sizeof *head + head->asked + head->answered + 7) & ~(size_t)7;
}

static bool box_write(const void *data, size_t size)
{
    for (const char *at = data; size;) {
        const ssize_t put = REAL(write)(box.fd, at, size);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        at += put, size -= (size_t)put;
    }
    return true;
}

static void box_segment_path(char *out, size_t room, unsigned number)
{
    if (box.segment_ns)
        snprintf(out, room, "%s.%05u", box.path, number);
    else
        snprintf(out, room, "%s", box.path);
}

/* The next file; the first one stays, it holds the start. */
static bool box_next_file(void)
{
    char path[PATH_MAX + 16];
    if (box.fd >= 0) {
        close(box.fd);
        box.segment++;
        if (box.segment > BOX_SEGMENTS + 1) {
            box_segment_path(path, sizeof path, box.segment - BOX_SEGMENTS - 1);
            unlink(path);
        }
    }
    box_segment_path(path, sizeof path, box.segment);
    box.fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    box.good = 0;
    if (box.fd < 0 || !box_write("ELBLKBX1", 8))
        return false;
    box.good = 8;
    box.segment_end_ns = box.segment_ns ? monotonic_ns() + box.segment_ns : UINT64_MAX;
    return true;
}

/* One record to the file; what does not fit as a whole is taken back. */
static bool box_store(struct box_head *head)
{
    const size_t size = box_size(head);
    head->crc = box_crc((char *)head + 8, sizeof *head - 8 + head->asked + head->answered);
    if (box.good < 8 && (ftruncate(box.fd, 0) || lseek(box.fd, 0, SEEK_SET) ||
                         !box_write("ELBLKBX1", 8)))
        return false;
    box.good = box.good < 8 ? 8 : box.good;
    if (!box_write(head, size)) {
        if (ftruncate(box.fd, box.good) || lseek(box.fd, box.good, SEEK_SET) < 0)
            box.good = box.good; /* a torn record: readers look for the next magic */
        return false;
    }
    box.good += (off_t)size;
    return true;
}

static bool box_tell_lost(uint64_t count)
{
    struct box_head lost = {.magic = BOX_MAGIC, .kind = BOX_LOST, .code = count};
    lost.begin_ns = monotonic_ns();
    lost.result = -errno;
    return box_store(&lost);
}

static void box_failed(void)
{
    if (!box.failed_ns)
        dprintf(2, "edgeleak black box: %s: %s; the program goes on, the recording has a hole\n",
                box.path, strerror(errno));
    box.failed_ns = monotonic_ns();
    box.dropped++;
}

/* Store what may be stored; while storage fails, one try a second. */
static void box_take(struct box_head *head)
{
    if (head->kind == BOX_SKIP)
        return;
    if (box.failed_ns && head->kind != BOX_END && monotonic_ns() - box.failed_ns < BOX_RETRY_NS) {
        box.dropped++;
        return;
    }
    if (head->begin_ns >= box.segment_end_ns && !box_next_file())
        return box_failed();
    if (box.dropped && !box_tell_lost(box.dropped))
        return box_failed();
    box.dropped = 0;
    if (!box_store(head))
        return box_failed();
    box.failed_ns = 0;
}

static void *box_writer(void *none)
{
    (void)none;
    pthread_mutex_lock(&box.lock);
    for (;;) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += BOX_WAIT_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (box.used < BOX_BATCH && !box.is_over)
            pthread_cond_timedwait(&box.filled, &box.lock, &until);
        while (box.used) {
            struct box_head *head = (struct box_head *)(box.room + box.tail);
            const size_t size = head->kind == BOX_SKIP ? head->asked : box_size(head);
            pthread_mutex_unlock(&box.lock);
            box_take(head);
            pthread_mutex_lock(&box.lock);
            box.tail = (box.tail + size) % BOX_ROOM;
            box.used -= size;
        }
        if (box.is_over)
            break;
    }
    pthread_mutex_unlock(&box.lock);
    return NULL;
}

static void box_forked(void)
{
    box.is_on = false;
    box.has_writer = false;
    if (box.fd >= 0)
        close(box.fd);
}

static bool box_start_writer(void)
{
    sigset_t all, kept;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &kept);
    box.has_writer = !pthread_create(&box.writer, NULL, box_writer, NULL);
    pthread_sigmask(SIG_SETMASK, &kept, NULL);
    return box.has_writer;
}

static void box_begin(void)
{
    const char *path = getenv("EDGELEAK_BLACKBOX"), *kept = getenv("EDGELEAK_BLACKBOX_MINUTES");
    if (!path || !*path || strlen(path) + 16 > sizeof box.path)
        return;
    for (uint32_t i = 0; i < 256; i++) {
        box.table[i] = i;
        for (int bit = 0; bit < 8; bit++)
            box.table[i] = box.table[i] >> 1 ^ (box.table[i] & 1 ? 0xedb88320u : 0);
    }
    const double minutes = kept ? strtod(kept, NULL) : 0;
    box.segment_ns = minutes > 0 ? (uint64_t)(minutes * 60e9 / BOX_SEGMENTS) : 0;
    strcpy(box.path, path);
    box.room = mmap(NULL, BOX_ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (box.room == MAP_FAILED || !box_next_file()) {
        dprintf(2, "edgeleak black box: %s: %s; nothing is recorded\n", path, strerror(errno));
        return;
    }
    pthread_atfork(NULL, NULL, box_forked);
    box.is_on = box_start_writer();
}

static pthread_once_t box_once = PTHREAD_ONCE_INIT;

static bool box_is_on(void)
{
#ifdef EDGELEAK_NO_BOX
    return false;
#endif
    pthread_once(&box_once, box_begin);
    return box.is_on;
}

/* Room for a record of `size` in one piece, NULL when there is none; lock held. */
static char *box_room(size_t size)
{
    const size_t rest = BOX_ROOM - box.head;
    const size_t skipped = rest < size + sizeof(struct box_head) ? rest : 0;
    if (size + skipped + sizeof(struct box_head) > BOX_ROOM - box.used)
        return NULL;
    if (skipped) {
        struct box_head *skip = (struct box_head *)(box.room + box.head);
        skip->kind = BOX_SKIP;
        skip->asked = (uint32_t)skipped;
        box.head = 0;
        box.used += skipped;
    }
    char *at = box.room + box.head;
    box.head += size;
    box.used += size;
    return at;
}

static void box_put_lost(void)
{
    struct box_head *lost = (struct box_head *)box_room(sizeof *lost);
    if (!lost)
        return;
    *lost = (struct box_head){.magic = BOX_MAGIC, .kind = BOX_LOST, .code = box.lost};
    lost->begin_ns = monotonic_ns();
    lost->result = -ENOBUFS;
    box.lost = 0;
}

/* Append one record; never waits for storage. */
static void box_put(struct box_head head, const struct iovec *asked, size_t count,
                    const void *answer)
{
    if (!box_is_on())
        return;
    const int kept = errno;
    head.magic = BOX_MAGIC;
    head.thread = (uint32_t)gettid();
    head.asked = 0;
    for (size_t i = 0; i < count; i++)
        head.asked += (uint32_t)asked[i].iov_len;
    const size_t size = box_size(&head);
    pthread_mutex_lock(&box.lock);
    if (box.lost)
        box_put_lost();
    char *at = box.lost || box.is_over ? NULL : box_room(size);
    if (!at) {
        box.lost++;
    } else {
        memset(at + size - 8, 0, 8);
        memcpy(at, &head, sizeof head);
        at += sizeof head;
        for (size_t i = 0; i < count; at += asked[i++].iov_len)
            memcpy(at, asked[i].iov_base, asked[i].iov_len);
        if (head.answered)
            memcpy(at, answer, head.answered);
    }
    if (box.used >= BOX_BATCH)
        pthread_cond_signal(&box.filled);
    pthread_mutex_unlock(&box.lock);
    errno = kept;
}

/* One transaction, whose answer is here since `end_ns`. */
static void box_note(const struct request *ask, const struct iovec *payload, size_t count,
                     int result, const void *answer, size_t size, uint64_t end_ns)
{
    const uint64_t took_ns = end_ns - ask->sent_ns;
    const struct box_head head = {
        .kind = BOX_BUS, .op = (uint16_t)ask->op, .begin_ns = ask->sent_ns, .code = ask->code,
        .took_ns = took_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)took_ns, .result = result,
        .who = ask->who, .want = ask->want, .answered = (uint32_t)size,
    };
    box_put(head, payload, count, answer);
}

/* For the program: a record of its own, in order with its transactions; 0 when nothing records. */
EXPORT int edgeleak_blackbox_mark(int number, const void *data, size_t size)
{
    const struct iovec part = {(void *)data, size};
    if (!box_is_on())
        return 0;
    box_put((struct box_head){.kind = BOX_MARK, .op = (uint16_t)number, .begin_ns = monotonic_ns()},
            &part, 1, NULL);
    return 1;
}

__attribute__((destructor)) static void box_finish(void)
{
    if (!box.is_on || !box.has_writer)
        return;
    box_put((struct box_head){.kind = BOX_END, .begin_ns = monotonic_ns()}, NULL, 0, NULL);
    pthread_mutex_lock(&box.lock);
    box.is_over = true;
    pthread_cond_signal(&box.filled);
    pthread_mutex_unlock(&box.lock);
    pthread_join(box.writer, NULL);
}

#endif
