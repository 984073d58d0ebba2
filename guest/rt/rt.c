#include "rt.h"

#include <stdarg.h>

/* The program: no parameters are declared, since it takes all of the three or none. */
int main();

/* `sp` is where the kernel left argc, the arguments, the environment and the auxiliary vector. */
__attribute__((noreturn, used)) void start_c(long *sp)
{
    int argc = (int)sp[0];
    char **argv = (char **)(sp + 1);
    exit(main(argc, argv, argv + argc + 1));
}

size_t strlen(const char *text)
{
    size_t n = 0;
    while (text[n])
        n++;
    return n;
}

int strcmp(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return (unsigned char)*a - (unsigned char)*b;
}

int memcmp(const void *a, const void *b, size_t bytes)
{
    const unsigned char *x = a, *y = b;
    for (size_t i = 0; i < bytes; i++)
        if (x[i] != y[i])
            return x[i] - y[i];
    return 0;
}

void *memcpy(void *to, const void *from, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((char *)to)[i] = ((const char *)from)[i];
    return to;
}

void *memset(void *at, int value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++)
        ((char *)at)[i] = (char)value;
    return at;
}

long parse_long(const char *digits)
{
    long value = 0;
    while (*digits >= '0' && *digits <= '9')
        value = value * 10 + (*digits++ - '0');
    return value;
}

/* A string under construction: what does not fit is dropped. */
struct text {
    char *at;
    size_t room, length;
};

static void put(struct text *text, char c)
{
    if (text->length < text->room)
        text->at[text->length++] = c;
}

static void put_number(struct text *text, unsigned long value, unsigned base)
{
    char digits[20];
    size_t n = 0;
    do
        digits[n++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (n)
        put(text, digits[--n]);
}

static void put_format(struct text *text, const char *format, va_list arguments)
{
    for (; *format; format++) {
        if (*format != '%') {
            put(text, *format);
            continue;
        }
        format++;
        size_t limit = ~0UL;
        if (format[0] == '.' && format[1] == '*') {
            limit = (size_t)va_arg(arguments, int);
            format += 2;
        }
        int is_long = *format == 'l';
        format += is_long;
        switch (*format) {
        case 'd': {
            long value = is_long ? va_arg(arguments, long) : va_arg(arguments, int);
            if (value < 0)
                put(text, '-');
            put_number(text, value < 0 ? -(unsigned long)value : (unsigned long)value, 10);
            break;
        }
        case 'o':
        case 'x':
            put_number(text, is_long ? va_arg(arguments, unsigned long) : va_arg(arguments, unsigned),
                       *format == 'o' ? 8 : 16);
            break;
        case 'c':
            put(text, (char)va_arg(arguments, int));
            break;
        case 's':
            for (const char *s = va_arg(arguments, const char *); limit-- && *s; s++)
                put(text, *s);
            break;
        default:
            put(text, *format);
        }
    }
}

void printf(const char *format, ...)
{
    char line[256];
    struct text text = { line, sizeof line, 0 };
    va_list arguments;
    va_start(arguments, format);
    put_format(&text, format, arguments);
    va_end(arguments);
    write(1, line, text.length);
}

size_t format_to(char *to, size_t room, const char *format, ...)
{
    struct text text = { to, room - 1, 0 };
    va_list arguments;
    va_start(arguments, format);
    put_format(&text, format, arguments);
    va_end(arguments);
    to[text.length] = 0;
    return text.length;
}

/* An error that the guests provoke. */
struct error {
    int number;
    const char *name, *text;
};

static const struct error errors[] = {
    { EACCES, "EACCES", "Permission denied" },
    { EAGAIN, "EAGAIN", "Resource temporarily unavailable" },
    { EBADF, "EBADF", "Bad file descriptor" },
    { ECHILD, "ECHILD", "No child processes" },
    { EEXIST, "EEXIST", "File exists" },
    { EFAULT, "EFAULT", "Bad address" },
    { EINTR, "EINTR", "Interrupted system call" },
    { EINVAL, "EINVAL", "Invalid argument" },
    { EISDIR, "EISDIR", "Is a directory" },
    { ENOENT, "ENOENT", "No such file or directory" },
    { ENOEXEC, "ENOEXEC", "Exec format error" },
    { ENOMEM, "ENOMEM", "Cannot allocate memory" },
    { ENOTDIR, "ENOTDIR", "Not a directory" },
    { ENOTEMPTY, "ENOTEMPTY", "Directory not empty" },
    { EPIPE, "EPIPE", "Broken pipe" },
    { ESPIPE, "ESPIPE", "Illegal seek" },
    { ESRCH, "ESRCH", "No such process" },
    { 0, "another error", "Another error" },
};

static const struct error *find_error(long result)
{
    const struct error *error = errors;
    while (error->number && error->number != -result)
        error++;
    return error;
}

const char *errno_name(long result) { return result < 0 ? find_error(result)->name : "no error"; }
const char *errno_text(long result) { return result < 0 ? find_error(result)->text : "Success"; }

void show(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, errno_name(result));
    else
        printf("%s: %ld\n", what, result);
}

long must(const char *what, long result)
{
    if (result >= 0 || result < -4095)
        return result;
    char line[128];
    size_t length = format_to(line, sizeof line, "%s: %s (%ld)\n", what, errno_name(result), result);
    write(2, line, length);
    exit(99);
}

int wait_for(long pid)
{
    int status = 0;
    must("wait4", waitpid((int)pid, &status, 0));
    return status;
}

int exit_status_of(long pid)
{
    int status = wait_for(pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void sleep_ms(long ms)
{
    struct __kernel_timespec time = { ms / 1000, ms % 1000 * 1000000 };
    nanosleep(&time);
}

void on_signal(int signal, void (*handler)(int), unsigned long flags)
{
    struct sigaction action = { .sa_handler = handler, .sa_flags = flags };
#if defined(__x86_64__)
    extern void restore_signal(void);
    action.sa_flags |= SA_RESTORER;
    action.sa_restorer = restore_signal;
#endif
    must("sigaction", sigaction(signal, &action));
}

static char *map_anonymous(long pages, int sharing)
{
    size_t bytes = (size_t)(pages * PAGE);
    return (char *)must("mmap", mmap(0, bytes, PROT_READ | PROT_WRITE, sharing | MAP_ANONYMOUS, -1, 0));
}

char *map_private(long pages)
{
    return map_anonymous(pages, MAP_PRIVATE);
}

char *map_shared(long pages)
{
    return map_anonymous(pages, MAP_SHARED);
}

void *unmapped(void)
{
    char *page = map_private(1);
    munmap(page, PAGE);
    return page;
}

char *grow_heap(long pages)
{
    char *start = (char *)((brk(0) + PAGE - 1) & ~(PAGE - 1));
    if (brk(start + pages * PAGE) != (long)(start + pages * PAGE))
        must("brk", -ENOMEM);
    return start;
}

/* Not inlined: the reports then name the function that wrote. */
__attribute__((noinline)) void write_pages(volatile char *at, long pages, char value)
{
    for (long i = 0; i < pages; i++)
        at[i * PAGE] = value;
}

long count_pages(const volatile char *at, long pages, char value)
{
    long same = 0;
    for (long i = 0; i < pages; i++)
        same += at[i * PAGE] == value;
    return same;
}

int make_file(const char *path, const char *text)
{
    int fd = (int)must("open", open(path, O_RDWR | O_CREAT | O_TRUNC, 0644));
    must("write", write(fd, text, strlen(text)));
    must("lseek", lseek(fd, 0, SEEK_SET));
    return fd;
}

enum { STACK_PAGES = 4 };

void start_thread(void (*run)(void *), void *argument, int *tid)
{
    long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID |
                 CLONE_CHILD_CLEARTID;
    void **top = (void **)(map_private(STACK_PAGES) + STACK_PAGES * PAGE);
    top -= 2;
    top[0] = (void *)run;
    top[1] = argument;
    must("clone", clone_thread(flags, top, tid, 0, tid));
}

void wait_for_thread(int *tid)
{
    int now;
    /* The kernel clears the word when the thread ends, and wakes who waits for that: not as a private futex. */
    while ((now = __atomic_load_n(tid, __ATOMIC_ACQUIRE)) != 0)
        futex(tid, FUTEX_WAIT, now, 0);
}

int lock_within(int *lock, long ms)
{
    struct __kernel_timespec time = { ms / 1000, ms % 1000 * 1000000 };
    for (;;) {
        int holder = 0;
        if (__atomic_compare_exchange_n(lock, &holder, (int)gettid(), 0, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
            return 1;
        if (futex(lock, FUTEX_WAIT_PRIVATE, holder, ms ? &time : 0) == -ETIMEDOUT)
            return 0;
    }
}

void unlock(int *lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
    futex(lock, FUTEX_WAKE_PRIVATE, 1, 0);
}
