/* Preloaded into a process, lets an allocation of at least some size fail, once or from then on: see forked.py. */
#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static size_t smallest = (size_t)-1;
static long left = -1, seen = 0;
static int stays = 0;

/* The allocation number `number` of at least `size` bytes fails, counted from 1; 0 only counts. */
void failing_malloc_arm(long number, size_t size, int from_then_on) {
    left = number;
    smallest = size;
    stays = from_then_on;
    seen = 0;
}

long failing_malloc_seen(void) { return seen; }

static int fails(size_t size) {
    if (size < smallest) return 0;
    __sync_fetch_and_add(&seen, 1);
    if (left <= 0) return 0;
    if (left > 1) { left -= 1; return 0; }
    if (!stays) left = 0;
    errno = ENOMEM;
    return 1;
}

void *malloc(size_t size) { return fails(size) ? NULL : __libc_malloc(size); }
void *calloc(size_t count, size_t size) { return fails(count * size) ? NULL : __libc_calloc(count, size); }
void *realloc(void *old, size_t size) { return fails(size) ? NULL : __libc_realloc(old, size); }
void *aligned_alloc(size_t align, size_t size) { return fails(size) ? NULL : __libc_memalign(align, size); }
int posix_memalign(void **found, size_t align, size_t size) {
    void *made = fails(size) ? NULL : __libc_memalign(align, size);
    if (made == NULL) return ENOMEM;
    *found = made;
    return 0;
}
