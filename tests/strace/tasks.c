// Tasks: clone, exec, wait, limits, scheduling, users, futexes and what else a process asks of itself.
#include "trace.h"
#include <linux/capability.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <sched.h>
#include <time.h>
#include <sys/random.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/times.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

struct clone_request {uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;};

static void children(void) {
    int *status = room(4), *tid = room(4), *ptid = room(4);
    void *usage = room(144), *info = room(128);
    if (CALL(clone, CLONE_CHILD_CLEARTID | CLONE_CHILD_SETTID | CLONE_PARENT_SETTID | SIGCHLD, 0L, ptid, NULL, tid) == 0)
        CALL(exit_group, 3);
    CALL(wait4, -1, status, 0, NULL);
    CALL(wait4, -1, status, WNOHANG, NULL);
    CALL(wait4, 77, NOWHERE, WNOHANG | WUNTRACED | WCONTINUED | __WALL | __WCLONE, usage);
    CALL(wait4, 0, NULL, 0x10, NULL);
    CALL(wait4, -77, NULL, 0, NULL);
    if (CALL(clone, CLONE_VM | CLONE_VFORK | SIGCHLD, AREA + 0xf0000, NULL, NULL, NULL) == 0)
        CALL(exit, 0x1ff);
    CALL(waitid, P_ALL, 0, info, WEXITED | WNOWAIT, NULL);
    CALL(waitid, P_ALL, 0, NULL, WEXITED, NULL);
    CALL(waitid, P_PID, 77, info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG, usage);
    CALL(waitid, P_PGID, 0, info, WNOHANG, NULL);
    CALL(waitid, P_PIDFD, 99, info, WEXITED, NULL);
    struct clone_request *request = room(sizeof *request);
    request->flags = CLONE_PIDFD | CLONE_CHILD_SETTID;
    request->pidfd = (uint64_t)room(4);
    request->child_tid = (uint64_t)tid;
    request->exit_signal = SIGCHLD;
    if (CALL(clone3, request, 64L) == 0)
        CALL(exit, 5);
    CALL(waitid, P_PIDFD, 3, info, WEXITED, NULL);
    CALL(close, 3);
    request->flags = CLONE_CLEAR_SIGHAND | CLONE_PARENT_SETTID;
    request->parent_tid = (uint64_t)ptid;
    if (CALL(clone3, request, 88L) == 0)
        CALL(exit, 6);
    CALL(wait4, -1, status, __WALL, NULL);
    request->exit_signal = 0;
    if (CALL(clone3, request, 64L) == 0)
        CALL(exit, 7);
    CALL(wait4, -1, status, __WCLONE, NULL);
    request->flags = CLONE_THREAD;
    request->stack = 0x1234;
    request->stack_size = 0x1000;
    CALL(clone3, request, 88L);
    request->flags = 0;
    request->stack = 0;
    request->set_tid = 0x1000;
    request->set_tid_size = 1;
    request->cgroup = 7;
    CALL(clone3, request, 88L);
    CALL(clone3, request, 8L);
    CALL(clone3, NOWHERE, 88L);
    CALL(clone3, request, 100000L);
    CALL(clone, CLONE_THREAD | SIGCHLD, 0L, NULL, NULL, NULL);
    CALL(clone, CLONE_SIGHAND | CLONE_PARENT_SETTID | CLONE_SETTLS | CLONE_CHILD_CLEARTID, 0x1000L, NULL, 0x2000L, 0x3000L);
    CALL(clone, CLONE_NEWNS | CLONE_FS | CLONE_FILES | CLONE_IO | CLONE_PIDFD | CLONE_PARENT_SETTID | 99, 0L, NOWHERE, NULL, NULL);
    CALL(unshare, CLONE_FILES | CLONE_FS | CLONE_SYSVSEM);
    CALL(unshare, 0);
    CALL(unshare, 1);
    CALL(unshare, CLONE_THREAD | 0x1);
    CALL(pidfd_open, getpid(), 0);
    CALL(pidfd_send_signal, 3, 0, NULL, 0);
    CALL(pidfd_send_signal, 3, SIGURG, NOWHERE, 0);
    CALL(pidfd_send_signal, 99, SIGURG, NULL, 4);
    CALL(pidfd_send_signal, 99, SIGURG, NULL, 0x40);
    CALL(pidfd_getfd, 3, 1, 0);
    CALL(pidfd_getfd, 3, 77, 1);
    CALL(pidfd_open, 0x7fffffff, 0);
    CALL(pidfd_open, getpid(), O_NONBLOCK);
    CALL(pidfd_open, getpid(), O_EXCL | 0x1);
    CALL(close_range, 3, 10, 0);
    CALL(set_tid_address, tid);
    CALL(setpgid, 0, 0x7fffffff);
    CALL(getpgid, 0x7fffffff);
    CALL(getsid, 0x7fffffff);
    CALL(sched_yield);
}

static void programs(void) {
    char **argv = room(40 * 8), **envp = room(8 * 8);
    for (int i = 0; i < 36; i++)
        argv[i] = "word";
    argv[1] = text("a word that is longer than the thirty-two bytes which are shown");
    argv[2] = "\n\t";
    envp[0] = "A=1";
    CALL(execve, text("/no/such/program"), argv, envp);
    argv[3] = NULL;
    envp[0] = NULL;
    CALL(execve, text("/no/such/program"), argv, envp);
    argv[1] = NOWHERE;
    CALL(execve, text("/no/such/program"), argv, NULL);
    CALL(execve, text("/no/such/program"), NULL, envp);
    CALL(execve, NULL, NOWHERE, NOWHERE);
    CALL(execve, text("/"), NULL, NULL);
    CALL(execveat, AT_FDCWD, text("/no/such/program"), NULL, NULL, 0);
    CALL(execveat, 99, text(""), argv + 2, envp, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
}

static void limits(void) {
    void *to = room(256);
    CALL(prlimit64, 0, RLIMIT_STACK, NULL, to);
    CALL(prlimit64, 0, RLIMIT_CORE, COPY(struct rlimit, {0, RLIM_INFINITY}), to);
    CALL(prlimit64, 0, RLIMIT_FSIZE, COPY(struct rlimit, {1 << 20, 5 << 20}), NULL);
    CALL(prlimit64, 0, RLIMIT_FSIZE, COPY(struct rlimit, {1025, 4097}), to);
    CALL(prlimit64, 0, RLIMIT_FSIZE, COPY(struct rlimit, {RLIM_INFINITY, RLIM_INFINITY}), to);
    CALL(prlimit64, 0, RLIMIT_CPU, COPY(struct rlimit, {10, 5}), NULL);
    CALL(prlimit64, 0, 77, NULL, to);
    CALL(prlimit64, 0x7fffffff, RLIMIT_AS, NOWHERE, NULL);
    CALL(getrlimit, RLIMIT_DATA, to);
    CALL(getrlimit, RLIMIT_NOFILE, NOWHERE);
    CALL(setrlimit, RLIMIT_NICE, COPY(struct rlimit, {20, 10}));
    CALL(setrlimit, RLIMIT_RTTIME, NULL);
    CALL(getrusage, 5, to);
    CALL(getrusage, RUSAGE_SELF, NOWHERE);
    CALL(times, NOWHERE);
    CALL(sysinfo, NOWHERE);
    CALL(uname, NOWHERE);
    CALL(personality, 0xffffffff);
    CALL(personality, 0x0040000);
    CALL(personality, 0);
    CALL(personality, 0x77);
    CALL(personality, 0x1080008);
    CALL(personality, 0);
    CALL(getcpu, room(4), NULL, NULL);
    CALL(getcpu, NULL, room(4), NULL);
    CALL(getcpu, NOWHERE, NOWHERE, NULL);
    CALL(getrandom, room(8), -1L, 9);
    CALL(getrandom, NOWHERE, 5L, GRND_NONBLOCK | GRND_RANDOM);
    CALL(getrandom, NOWHERE, 5L, 4 | 2);
}

static void scheduling(void) {
    int *priority = COPY(int, {5});
    CALL(sched_getscheduler, 0);
    CALL(sched_getparam, 0, priority);
    *priority = 5;
    CALL(sched_setscheduler, 0, SCHED_RR, priority);
    CALL(sched_getscheduler, 0);
    CALL(sched_getparam, 0, priority);
    CALL(sched_setparam, 0, priority);
    CALL(sched_rr_get_interval, 0, room(16));
    *priority = 0;
    CALL(sched_setscheduler, 0, SCHED_BATCH | 0x40000000, priority);
    CALL(sched_getscheduler, 0);
    CALL(sched_setscheduler, 0, SCHED_OTHER, priority);
    CALL(sched_setscheduler, 0, 77, NOWHERE);
    CALL(sched_setscheduler, -1, SCHED_FIFO, NULL);
    CALL(sched_getscheduler, -1);
    CALL(sched_getparam, 0, NOWHERE);
    CALL(sched_get_priority_max, SCHED_FIFO);
    CALL(sched_get_priority_min, SCHED_FIFO);
    CALL(sched_get_priority_min, 77);
    CALL(sched_setaffinity, 0, 8L, COPY(uint64_t, {1}));
    CALL(sched_setaffinity, 0, 8L, COPY(uint64_t, {0}));
    CALL(sched_setaffinity, 0, 16L, NOWHERE);
    CALL(sched_getaffinity, 0, 8L, room(8));
    CALL(sched_getaffinity, 0, 1L, room(8));
    CALL(sched_getaffinity, 0x7fffffff, 128L, room(128));
    struct attributes {uint32_t size, policy; uint64_t flags; int32_t nice; uint32_t priority; uint64_t runtime, deadline, period; uint32_t min, max;}
        *attributes = room(sizeof *attributes);
    CALL(sched_getattr, 0, attributes, 48, 0);
    CALL(sched_getattr, 0, attributes, 56, 0);
    CALL(sched_getattr, 0, attributes, 7, 0);
    attributes->flags = 1;
    attributes->nice = 3;
    CALL(sched_setattr, 0, attributes, 0);
    attributes->policy = SCHED_FIFO;
    attributes->priority = 100;
    CALL(sched_setattr, 0, attributes, 0);
    attributes->policy = 6;
    attributes->flags = 0x50;
    attributes->runtime = 5;
    CALL(sched_setattr, 0, attributes, 1);
    attributes->size = 4;
    CALL(sched_setattr, 0, attributes, 0);
    CALL(sched_setattr, 0, NOWHERE, 0);
    CALL(getpriority, PRIO_PROCESS, 0);
    CALL(setpriority, PRIO_PROCESS, 0, 5);
    CALL(setpriority, PRIO_PGRP, 0x7fffffff, -5);
    CALL(getpriority, PRIO_USER, 12345);
    CALL(getpriority, 9, 0);
    CALL(ioprio_get, 1, 0);
    CALL(ioprio_set, 1, 0, 2 << 13 | 5);
    CALL(ioprio_get, 1, 0);
    CALL(ioprio_set, 2, 0, 3 << 13);
    CALL(ioprio_set, 1, 0, 5 << 13 | 7);
    CALL(ioprio_get, 9, 0);
}

static void users(void) {
    void *to = room(128);
    int *ids = room(12);
    CALL(getuid);
    CALL(getresuid, ids, ids + 1, ids + 2);
    CALL(getresgid, ids, ids + 1, NOWHERE);
    CALL(setgroups, 3L, memcpy(room(12), (int[]){1, 20, 300}, 12));
    CALL(setgroups, 0L, NULL);
    CALL(setgroups, 70000L, ids);
    CALL(setgroups, 2L, NOWHERE);
    CALL(getgroups, 0, NULL);
    CALL(getgroups, 0, to);
    CALL(setgroups, 2L, memcpy(room(8), (int[]){5, 6}, 8));
    CALL(getgroups, 32, to);
    CALL(getgroups, 0, to);
    CALL(getgroups, 1, to);
    CALL(getgroups, -1, to);
    struct __user_cap_header_struct *header = COPY(struct __user_cap_header_struct, {_LINUX_CAPABILITY_VERSION_3, 0});
    CALL(capget, header, to);
    CALL(capget, header, NULL);
    CALL(capset, header, to);
    header->version = 0x1234;
    CALL(capget, header, to);
    header->version = _LINUX_CAPABILITY_VERSION_1;
    CALL(capget, header, to);
    CALL(capget, NOWHERE, to);
    struct __user_cap_data_struct *data = room(24);
    data[0].effective = 1 << CAP_KILL | 1 << CAP_SETUID;
    data[0].permitted = 1 << CAP_KILL | 1 << CAP_SETUID | 1 << CAP_CHOWN;
    data[1].inheritable = 1 << 31;
    header->version = _LINUX_CAPABILITY_VERSION_3;
    header->pid = 77;
    CALL(capset, header, data);
    CALL(setfsuid, -1);
    CALL(setfsgid, 0);
    CALL(setregid, -1, 50);
    CALL(setresgid, 0, 0, -1);
    CALL(setreuid, -1, 1000);
    CALL(setuid, 77);
    CALL(setresuid, -1, 0, -1);
    CALL(setgid, 0);
    CALL(setuid, -1);
}

static void options(void) {
    char *name = room(64);
    CALL(prctl, PR_SET_NAME, text("a name that is too long"));
    CALL(prctl, PR_GET_NAME, name);
    CALL(prctl, PR_SET_NAME, NOWHERE);
    CALL(prctl, PR_SET_PDEATHSIG, SIGKILL);
    CALL(prctl, PR_GET_PDEATHSIG, room(4));
    CALL(prctl, PR_SET_PDEATHSIG, 77);
    CALL(prctl, PR_GET_DUMPABLE);
    CALL(prctl, PR_SET_DUMPABLE, 0);
    CALL(prctl, PR_SET_DUMPABLE, 1);
    CALL(prctl, PR_SET_DUMPABLE, 7);
    CALL(prctl, PR_GET_KEEPCAPS);
    CALL(prctl, PR_SET_KEEPCAPS, 1);
    CALL(prctl, PR_GET_TIMING);
    CALL(prctl, PR_SET_TIMING, 1);
    CALL(prctl, PR_GET_SECCOMP);
    CALL(prctl, PR_CAPBSET_READ, CAP_SYS_ADMIN);
    CALL(prctl, PR_CAPBSET_READ, 77);
    CALL(prctl, PR_CAPBSET_DROP, CAP_SYS_BOOT);
    CALL(prctl, PR_GET_SECUREBITS);
    CALL(prctl, PR_SET_SECUREBITS, 3);
    CALL(prctl, PR_GET_TIMERSLACK);
    CALL(prctl, PR_SET_TIMERSLACK, 1000L);
    CALL(prctl, PR_SET_CHILD_SUBREAPER, 1);
    CALL(prctl, PR_GET_CHILD_SUBREAPER, room(4));
    CALL(prctl, PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
    CALL(prctl, PR_GET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L);
    CALL(prctl, PR_SET_NO_NEW_PRIVS, 0L, 0L, 0L, 0L);
    CALL(prctl, PR_SET_THP_DISABLE, 1L, 0L, 0L, 0L);
    CALL(prctl, PR_GET_THP_DISABLE, 0L, 0L, 0L, 0L);
    CALL(prctl, PR_SET_THP_DISABLE, 0L, 0L, 0L, 0L);
    CALL(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0L, 0L);
    CALL(prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0L, 0L, 0L);
    CALL(prctl, PR_CAP_AMBIENT, 77, 1L, 2L, 3L);
    CALL(prctl, PR_SET_UNALIGN, 3);
    CALL(prctl, 0x7777, 1L, 2L, 3L, 4L);
    CALL(prctl, 0x53564d41, 0, AREA, 4096L, NOWHERE);
    CALL(membarrier, 0, 0, 0);
    CALL(membarrier, 16, 0, 0);
    CALL(membarrier, 8, 0, 0);
    CALL(membarrier, 8, 1, 5);
    CALL(membarrier, 3, 2, 5);
    CALL(set_robust_list, room(24), 24L);
    CALL(set_robust_list, NULL, 7L);
    CALL(get_robust_list, 0, room(8), room(8));
    CALL(get_robust_list, 0x7fffffff, room(8), NOWHERE);
    CALL(rseq, NULL, 32, 0, 0x53053053);
    CALL(rseq, AREA, 31, 1, 1);
    CALL(rseq, AREA, 32, 2, 0);
}

static void futexes(void) {
    int *word = COPY(int, {5}), *other = room(4);
    struct timespec *zero = COPY(struct timespec, {0, 0}), *past = COPY(struct timespec, {1, 5});
    CALL(futex, word, FUTEX_WAIT, 4, NULL, NULL, 0);
    CALL(futex, word, FUTEX_WAIT | FUTEX_PRIVATE_FLAG, 5, zero, NULL, 0);
    CALL(futex, word, FUTEX_WAIT, 5, NOWHERE, NULL, 0);
    CALL(futex, word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
    CALL(futex, word, FUTEX_WAKE | FUTEX_PRIVATE_FLAG, 1, zero, other, 7);
    CALL(futex, word, FUTEX_FD, 1, NULL, NULL, 0);
    CALL(futex, word, FUTEX_REQUEUE, 1, 2L, other, 0);
    CALL(futex, word, FUTEX_CMP_REQUEUE | FUTEX_PRIVATE_FLAG, 1, 2L, other, 5);
    CALL(futex, word, FUTEX_CMP_REQUEUE, 1, 2L, other, 6);
    CALL(futex, word, FUTEX_WAKE_OP, 1, 2L, other, FUTEX_OP(FUTEX_OP_SET, 1, FUTEX_OP_CMP_GT, 3));
    CALL(futex, word, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 1, 2L, other, FUTEX_OP(FUTEX_OP_ADD | FUTEX_OP_OPARG_SHIFT, 2, FUTEX_OP_CMP_EQ, 0x7f));
    *word = 0;
    CALL(futex, word, FUTEX_LOCK_PI | FUTEX_PRIVATE_FLAG, 0, past, NULL, 0);
    CALL(futex, word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0);
    CALL(futex, word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0);
    CALL(futex, word, FUTEX_UNLOCK_PI | FUTEX_PRIVATE_FLAG, 0, NULL, NULL, 0);
    CALL(futex, word, 13, 0, past, NULL, 0);
    *word = 5;
    CALL(futex, word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 5, past, NULL, FUTEX_BITSET_MATCH_ANY);
    CALL(futex, word, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, 4, NULL, NULL, 0xff);
    CALL(futex, word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0xff);
    CALL(futex, word, FUTEX_WAKE_BITSET, 1, NULL, NULL, 0);
    CALL(futex, word, 77, 1, 2L, other, 3);
    CALL(futex, NULL, FUTEX_WAKE, 1, NULL, NULL, 0);
    CALL(futex, NOWHERE, FUTEX_WAIT, 1, NULL, NULL, 0);
    struct futex_waitv *waiters = room(2 * sizeof *waiters);
    waiters[0] = (struct futex_waitv){.val = 1, .uaddr = (uint64_t)word, .flags = 2};
    waiters[1] = (struct futex_waitv){.val = 2, .uaddr = (uint64_t)other, .flags = 0x82};
    CALL(futex_waitv, waiters, 2, 0, past, CLOCK_MONOTONIC);
    CALL(futex_waitv, waiters, 2, 1, NULL, CLOCK_REALTIME);
    CALL(futex_waitv, NOWHERE, 2, 0, NULL, 0);
    CALL(futex_wake, word, 0xffL, 1, 2);
    CALL(futex_wake, word, 0L, 1, 0x84);
    CALL(futex_wait, word, 6L, 0xffL, 0x82, past, CLOCK_MONOTONIC);
    CALL(futex_wait, word, 5L, 0xffL, 2, past, CLOCK_MONOTONIC);
}

int main(void) {
    begin();
    // When a child's end is told depends on who runs first: it is told at the end.
    CALL(rt_sigprocmask, SIG_BLOCK, memcpy(room(8), (uint64_t[]){1 << (SIGCHLD - 1)}, 8), NULL, 8L);
    children();
    programs();
    limits();
    scheduling();
    options();
    futexes();
    CALL(rt_sigprocmask, SIG_SETMASK, room(8), NULL, 8L);
    users();
    return 0;
}
