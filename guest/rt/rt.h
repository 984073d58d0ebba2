/*
 * The run-time of the guests: a program is main(), this, and nothing else. main() may take argc, argv and
 * envp, or nothing; its result is the exit status.
 *
 * Nothing is buffered and nothing is allocated behind the program's back, so every page that a report
 * shows was touched by a line that you can see.
 */
#ifndef RT_H
#define RT_H

#include "syscall.h"

#define PAGE 4096L
#define MIB (1024L * 1024L)

/* Text */
size_t strlen(const char *text);
int strcmp(const char *a, const char *b);
int memcmp(const void *a, const void *b, size_t bytes);
void *memcpy(void *to, const void *from, size_t bytes);
void *memset(void *at, int value, size_t bytes);
long parse_long(const char *digits);

/*
 * Formats %d, %x and %o (also with l), %c, %s and %.*s, and writes the result to stdout with one write(2),
 * at most 256 bytes. There is no buffer left over that fork could double.
 */
void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The same, into `to`, which has room for `room` bytes and is always terminated. */
size_t format_to(char *to, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The name ("ENOENT") of the error that a system call returned; "no error" where it returned none. */
const char *errno_name(long result);
/* The same in words, as strerror(3) has them. */
const char *errno_text(long result);
/* Prints "what: 7", or "what: ENOENT" where the result is an error. */
void show(const char *what, long result);
/* Returns `result`; where it is an error, says so on stderr and exits with status 99. */
long must(const char *what, long result);

/* Processes */
/* Waits for `pid` (or -1, any child) and returns its wait status. */
int wait_for(long pid);
/* Waits as above; returns the exit status, or 128 + N for a child that signal N killed. */
int exit_status_of(long pid);
void sleep_ms(long ms);
/* Sets the action of a signal: a function, SIG_IGN or SIG_DFL, and SA_… flags. */
void on_signal(int signal, void (*handler)(int), unsigned long flags);

/* Threads */
/*
 * Starts a thread that calls `run(argument)` on a stack of its own and then ends. `*tid` holds its number until it has ended;
 * wait_for_thread waits for that.
 */
void start_thread(void (*run)(void *), void *argument, int *tid);
void wait_for_thread(int *tid);
/*
 * A lock: the number of the thread that has it, or 0. Waits for it for `ms` milliseconds at most, or for ever if that is 0;
 * tells whether it got it.
 */
int lock_within(int *lock, long ms);
void unlock(int *lock);

/* Memory */
/* Private anonymous memory: zero-filled, no frame until it is touched. */
char *map_private(long pages);
/* Shared anonymous memory: one set of frames for a process and its children. */
char *map_shared(long pages);
/* An address that is not mapped, where a system call must find EFAULT. */
void *unmapped(void);
/* Moves the program break up and returns the old one, rounded up to a page. */
char *grow_heap(long pages);
/* Stores `value` in the first byte of each page. */
void write_pages(volatile char *at, long pages, char value);
/* Loads the first byte of each page and returns how many of them hold `value`. */
long count_pages(const volatile char *at, long pages, char value);

/* Opens `path` anew for reading and writing, with `text` in it and the offset at 0. */
int make_file(const char *path, const char *text);

#endif
