/*
 * settings: files of /proc that programs set: what they say, what they take, and what children have of it.
 *
 * proc_pid_coredump_filter(5), proc_pid_oom_adj(5), proc_pid_timerslack_ns(5), proc_sys_kernel(5), core(5).
 */
#include "probe.h"
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

static void show(const char *path)
{
    char text[300];
    int fd = open(path, O_RDONLY);
    if (fd < 0) {
        printf("%s: %s\n", path, strerrorname_np(errno));
        return;
    }
    ssize_t n = read(fd, text, sizeof text - 1);
    if (n < 0)
        printf("%s: read %s\n", path, strerrorname_np(errno));
    else
        printf("%s: %.*s%s", path, (int)n, text, n > 0 && text[n - 1] == '\n' ? "" : "|\n");
    fflush(stdout);
    close(fd);
}

static void set(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY);
    errno = 0;
    ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));
    printf("%s < %s: %s\n", path, text, n < 0 ? strerrorname_np(errno) : "set");
    close(fd);
    show(path);
}

/* Prints fields of /proc/<pid>/stat, which count from 1. */
static void fields(const char *path)
{
    char text[1000];
    int fd = open(path, O_RDONLY), wanted[] = {7, 8, 18, 19, 20, 40, 41};
    ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n > 0 ? n : 0] = 0;
    char *word = strtok(strrchr(text, ')') + 2, " ");
    for (int number = 3; word; word = strtok(NULL, " "), number++)
        for (int which = 0; which < 7; which++)
            if (wanted[which] == number)
                printf("%d=%s ", number, word);
    printf("\n");
    fflush(stdout);
}

/* Ends by SIGSEGV, and prints whether that counts as one with a core file. */
static void core(const char *what, int dumpable, rlim_t limit)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        chdir("/tmp");
        struct rlimit core = {limit, RLIM_INFINITY};
        setrlimit(RLIMIT_CORE, &core);
        prctl(PR_SET_DUMPABLE, dumpable);
        kill(getpid(), SIGSEGV);
        _exit(0);
    }
    int status;
    waitpid(child, &status, 0);
    printf("%s: signal %d, core %d\n", what, WTERMSIG(status), !!WCOREDUMP(status));
    fflush(stdout);
    unlink("/tmp/core");
}

static void *second(void *number)
{
    *(int *)number = gettid();
    prctl(PR_SET_NAME, "second");
    settle();
    settle();
    settle();
    return NULL;
}

int main(int count, char **arguments)
{
    const char *filter = "/proc/self/coredump_filter";
    if (count > 1) {
        show(filter);
        return 0;
    }
    show(filter);
    set(filter, "0x7f"), set(filter, "033"), set(filter, "12"), set(filter, "0xffff"), set(filter, "x"), set(filter, "");
    set(filter, "0x23\n");
    IN_CHILD(show(filter));
    IN_CHILD(char *again[] = {"settings", "again", NULL}; execv("/proc/self/exe", again));
    core("a core file", 1, RLIM_INFINITY), core("no room for it", 1, 0), core("nobody may look", 0, RLIM_INFINITY);

    const char *adj = "/proc/self/oom_adj", *score = "/proc/self/oom_score_adj";
    show(adj);
    set(adj, "15"), show(score), set(adj, "5"), show(score), set(adj, "-17"), show(score), set(adj, "-18"), set(adj, "16");
    set(score, "500"), show(adj), set(score, "999"), show(adj), set(score, "0"), show(adj);

    const char *slack = "/proc/self/timerslack_ns";
    show(slack);
    set(slack, "1000"), TRY(prctl(PR_GET_TIMERSLACK)), set(slack, "0"), set(slack, "-1"), set(slack, "many");
    prctl(PR_SET_TIMERSLACK, 77), show(slack);
    IN_CHILD(show(slack); set(slack, "5"); set(slack, "0"));

    show("/proc/self/uid_map"), show("/proc/self/gid_map"), show("/proc/self/setgroups"), show("/proc/self/projid_map");
    show("/proc/self/loginuid"), show("/proc/self/sessionid");
    set("/proc/self/uid_map", "0 0 1");

    /* Numbers of tasks. */
    const char *most = "/proc/sys/kernel/pid_max", *last = "/proc/sys/kernel/ns_last_pid";
    set(most, "300"), set(most, "5000000"), set(most, "32000"), set(last, "20000");
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    printf("%d\n", child);
    show(last);
    set(last, "31998");
    for (int i = 0; i < 3; i++) {
        child = fork();
        if (child == 0)
            _exit(0);
        waitpid(child, NULL, 0);
        printf("%s\n", child == 31999 ? "the last" : child >= 300 && child < 1000 ? "a low one" : "another");
    }
    set(last, "-1"), set(last, "32001");

    /* Priorities in stat; tasks by number and by parent. */
    fields("/proc/self/stat");
    setpriority(PRIO_PROCESS, 0, 7), fields("/proc/self/stat");
    setpriority(PRIO_PROCESS, 0, -3), fields("/proc/self/stat");
    struct sched_param urgent = {12}, calm = {0};
    sched_setscheduler(0, SCHED_RR, &urgent), fields("/proc/self/stat");
    sched_setscheduler(0, SCHED_BATCH, &calm), fields("/proc/self/stat");

    pthread_t thread;
    int number = 0;
    pthread_create(&thread, NULL, second, &number);
    settle();
    char path[64], text[64] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", number);
    int fd = open(path, O_RDONLY);
    read(fd, text, sizeof text - 1), close(fd);
    printf("%s", text);
    child = fork();
    if (child == 0) {
        pause();
        _exit(0);
    }
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    fd = open(path, O_RDONLY), memset(text, 0, sizeof text);
    read(fd, text, sizeof text - 1), close(fd);
    printf("%d\n", atoi(text) == child && text[strlen(text) - 1] == ' ');
    snprintf(path, sizeof path, "/proc/self/task/%d/children", number);
    fd = open(path, O_RDONLY), TRY(read(fd, text, sizeof text)), close(fd);
    CAN(open("/proc/self/children", O_RDONLY));
    kill(child, SIGKILL), waitpid(child, NULL, 0);
    pthread_join(thread, NULL);
}
