/*
 * prefork [WORKERS [REQUESTS]]: a server that forks its workers before the first request comes.
 *
 * Shows:  workers share the text and the objects that the master loaded, until they write. They only read the
 *         objects, and yet copy them: a reference count lies in each, so a few bytes changed cost a page.
 * Rows:   M1, M19.
 * Counts: for the default, 4 workers and 256 requests: each worker is asked for 64 objects in 64 different
 *         pages, so 64 cow_copy in each worker, for 64 counters changed. (textbook)
 */
#include "rt.h"

struct object {
    long references;
    unsigned char body[PAGE / 16 - sizeof(long)];
};

enum { PAGES = 64, OBJECTS = PAGES * 16, MOST_WORKERS = 16 };

/* A worker, as the master sees it. */
struct worker {
    int requests, replies;
};

static __attribute__((noinline)) void incref(struct object *object) { object->references++; }

static struct object *load_objects(void)
{
    struct object *objects = (struct object *)grow_heap(PAGES);
    for (long i = 0; i < OBJECTS; i++)
        memset(objects[i].body, (int)i & 0xff, sizeof objects[i].body);
    return objects;
}

static __attribute__((noinline)) long handle(struct object *object)
{
    long sum = 0;
    incref(object); /* held while it is in use: a good habit that costs a page */
    for (size_t i = 0; i < sizeof object->body; i++)
        sum += object->body[i];
    return sum;
}

/* The worker's life: until the master closes the pipe. */
static __attribute__((noreturn)) void serve(struct object *objects, int requests, int replies)
{
    long number;
    while (read(requests, &number, sizeof number) == sizeof number) {
        long reply = handle(&objects[number % OBJECTS]);
        write(replies, &reply, sizeof reply);
    }
    exit(0);
}

static struct worker start_worker(struct object *objects)
{
    int requests[2], replies[2];
    must("pipe2", pipe2(requests, 0));
    must("pipe2", pipe2(replies, 0));
    if (must("fork", fork()) == 0) {
        close(requests[1]);
        close(replies[0]);
        serve(objects, requests[0], replies[1]);
    }
    close(requests[0]);
    close(replies[1]);
    return (struct worker){ requests[1], replies[0] };
}

/* Gives request i to worker i % count, and returns how many replies were right. */
static long accept_loop(const struct worker *workers, long count, long requests)
{
    long right = 0;
    for (long i = 0; i < requests; i++) {
        const struct worker *worker = &workers[i % count];
        long number = i / count * 16, reply; /* 16 objects further: the next page */
        must("write", write(worker->requests, &number, sizeof number));
        must("read", read(worker->replies, &reply, sizeof reply));
        right += reply == (long)sizeof(((struct object *)0)->body) * (number % OBJECTS & 0xff);
    }
    return right;
}

int main(int argc, char **argv)
{
    struct worker workers[MOST_WORKERS];
    long count = argc > 1 ? parse_long(argv[1]) : 4;
    long requests = argc > 2 ? parse_long(argv[2]) : 256;
    if (count < 1 || count > MOST_WORKERS)
        must("1 to 16 workers", -EINVAL);
    struct object *objects = load_objects();
    for (long i = 0; i < count; i++)
        workers[i] = start_worker(objects);

    printf("%ld of %ld replies were right\n", accept_loop(workers, count, requests), requests);
    for (long i = count - 1; i >= 0; i--) { /* a later worker inherited the pipes of the earlier ones */
        close(workers[i].requests);
        exit_status_of(-1);
    }
    long references = 0;
    for (long i = 0; i < OBJECTS; i++)
        references += objects[i].references;
    printf("the master's objects have %ld references: each worker counted in its own copy\n", references);
    return 0;
}
