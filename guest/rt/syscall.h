/*
 * The system calls of the guests, thin as the kernel's own interface.
 *
 * Each returns what the kernel returned; a failure is the negative errno (-ENOENT), there is no
 * global errno. Constants and structures come from the kernel's UAPI headers. The calls are inlined
 * so that Tine's reports name the function that made them.
 */
#ifndef RT_SYSCALL_H
#define RT_SYSCALL_H

#include <stddef.h>
#include <stdint.h>

#include <asm/siginfo.h>
#include <asm/signal.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/errno.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/mman.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/stat.h>
#include <linux/time.h>
#include <linux/utsname.h>
#include <linux/wait.h>

enum { SEEK_SET, SEEK_CUR, SEEK_END };

#define RT_INLINE static inline __attribute__((always_inline, unused))

/* The lines that differ between the machine and the computer that checks it. */
RT_INLINE long syscall(long number, long a, long b, long c, long d, long e, long f)
{
#if defined(__riscv)
    register long a0 asm("a0") = a, a1 asm("a1") = b, a2 asm("a2") = c;
    register long a3 asm("a3") = d, a4 asm("a4") = e, a5 asm("a5") = f, a7 asm("a7") = number;
    asm volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
    return a0;
#elif defined(__x86_64__)
    register long r10 asm("r10") = d, r8 asm("r8") = e, r9 asm("r9") = f;
    asm volatile("syscall"
                 : "+a"(number)
                 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                 : "rcx", "r11", "memory");
    return number;
#endif
}

#define CALL0(nr) syscall(nr, 0, 0, 0, 0, 0, 0)
#define CALL1(nr, a) syscall(nr, (long)(a), 0, 0, 0, 0, 0)
#define CALL2(nr, a, b) syscall(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define CALL3(nr, a, b, c) syscall(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define CALL4(nr, a, b, c, d) syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define CALL5(nr, a, b, c, d, e) syscall(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)

/* Files and descriptors */
RT_INLINE long read(int fd, void *to, size_t bytes) { return CALL3(__NR_read, fd, to, bytes); }
RT_INLINE long write(int fd, const void *from, size_t bytes) { return CALL3(__NR_write, fd, from, bytes); }
RT_INLINE long pread(int fd, void *to, size_t bytes, long at)
{
    return CALL4(__NR_pread64, fd, to, bytes, at);
}
RT_INLINE long pwrite(int fd, const void *from, size_t bytes, long at)
{
    return CALL4(__NR_pwrite64, fd, from, bytes, at);
}
RT_INLINE long open(const char *path, int flags, int mode)
{
    return CALL4(__NR_openat, AT_FDCWD, path, flags, mode);
}
RT_INLINE long close(int fd) { return CALL1(__NR_close, fd); }
RT_INLINE long lseek(int fd, long offset, int whence) { return CALL3(__NR_lseek, fd, offset, whence); }
RT_INLINE long pipe2(int ends[2], int flags) { return CALL2(__NR_pipe2, ends, flags); }
RT_INLINE long dup(int fd) { return CALL1(__NR_dup, fd); }
RT_INLINE long dup3(int from, int to, int flags) { return CALL3(__NR_dup3, from, to, flags); }
RT_INLINE long fcntl(int fd, int command, long argument) { return CALL3(__NR_fcntl, fd, command, argument); }
RT_INLINE long fstat(int fd, struct stat *to) { return CALL2(__NR_fstat, fd, to); }
RT_INLINE long statx(int at, const char *path, int flags, unsigned mask, struct statx *to)
{
    return CALL5(__NR_statx, at, path, flags, mask, to);
}
RT_INLINE long ftruncate(int fd, long bytes) { return CALL2(__NR_ftruncate, fd, bytes); }
RT_INLINE long unlink(const char *path) { return CALL3(__NR_unlinkat, AT_FDCWD, path, 0); }
RT_INLINE long mkdir(const char *path, int mode) { return CALL3(__NR_mkdirat, AT_FDCWD, path, mode); }
RT_INLINE long rmdir(const char *path) { return CALL3(__NR_unlinkat, AT_FDCWD, path, AT_REMOVEDIR); }
RT_INLINE long getdents64(int fd, void *to, size_t bytes) { return CALL3(__NR_getdents64, fd, to, bytes); }
RT_INLINE long getcwd(char *to, size_t bytes) { return CALL2(__NR_getcwd, to, bytes); }

/* Memory */
RT_INLINE long mmap(void *hint, size_t bytes, int prot, int flags, int fd, long offset)
{
    return syscall(__NR_mmap, (long)hint, (long)bytes, prot, flags, fd, offset);
}
RT_INLINE long munmap(void *at, size_t bytes) { return CALL2(__NR_munmap, at, bytes); }
RT_INLINE long mprotect(void *at, size_t bytes, int prot) { return CALL3(__NR_mprotect, at, bytes, prot); }
RT_INLINE long mincore(void *at, size_t bytes, unsigned char *to)
{
    return CALL3(__NR_mincore, at, bytes, to);
}
RT_INLINE long madvise(void *at, size_t bytes, int advice) { return CALL3(__NR_madvise, at, bytes, advice); }
RT_INLINE long msync(void *at, size_t bytes, int flags) { return CALL3(__NR_msync, at, bytes, flags); }
RT_INLINE long brk(void *end) { return CALL1(__NR_brk, end); }

/* Processes */
RT_INLINE long fork(void) { return CALL5(__NR_clone, SIGCHLD, 0, 0, 0, 0); }
long vfork(void) __attribute__((returns_twice));
long clone_thread(long flags, void *stack, int *parent_tid, void *tls, int *child_tid);
RT_INLINE long futex(int *word, int operation, int value, const struct __kernel_timespec *timeout)
{
    return CALL4(__NR_futex, word, operation, value, timeout);
}
RT_INLINE long execve(const char *path, char *const argv[], char *const envp[])
{
    return CALL3(__NR_execve, path, argv, envp);
}
RT_INLINE __attribute__((noreturn)) void exit(int status)
{
    for (;;)
        CALL1(__NR_exit_group, status);
}
RT_INLINE long waitpid(int pid, int *status, int options)
{
    return CALL4(__NR_wait4, pid, status, options, 0);
}
RT_INLINE long waitid(int which, int id, siginfo_t *to, int options)
{
    return CALL5(__NR_waitid, which, id, to, options, 0);
}
RT_INLINE long getpid(void) { return CALL0(__NR_getpid); }
RT_INLINE long getppid(void) { return CALL0(__NR_getppid); }
RT_INLINE long gettid(void) { return CALL0(__NR_gettid); }
RT_INLINE long kill(int pid, int signal) { return CALL2(__NR_kill, pid, signal); }
RT_INLINE long prctl(int option, long argument) { return CALL5(__NR_prctl, option, argument, 0, 0, 0); }
RT_INLINE long getrusage(int who, struct rusage *to) { return CALL2(__NR_getrusage, who, to); }
RT_INLINE long sched_yield(void) { return CALL0(__NR_sched_yield); }
RT_INLINE long nanosleep(const struct __kernel_timespec *time) { return CALL2(__NR_nanosleep, time, 0); }
RT_INLINE long sigaction(int signal, const struct sigaction *action)
{
    return CALL4(__NR_rt_sigaction, signal, action, 0, sizeof(sigset_t));
}
RT_INLINE long sigprocmask(int how, const sigset_t *set, sigset_t *old)
{
    return CALL4(__NR_rt_sigprocmask, how, set, old, sizeof(sigset_t));
}
RT_INLINE long uname(struct new_utsname *to) { return CALL1(__NR_uname, to); }

/* wait(2), "wait status": the macros that the C library would define. */
#define WIFEXITED(status) (((status) & 0x7f) == 0)
#define WEXITSTATUS(status) (((status) >> 8) & 0xff)
#define WIFSIGNALED(status) (((status) & 0x7f) != 0 && ((status) & 0x7f) != 0x7f)
#define WTERMSIG(status) ((status) & 0x7f)

#endif
