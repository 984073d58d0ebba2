/* What the programs of this folder share: each prints a line per fact. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Prints a call as it stands in the source, and its result or its errno. */
#define TRY(call)                                                   \
    ({                                                              \
        errno = 0;                                                  \
        long result_ = (long)(call);                                \
        if (result_ == -1)                                          \
            printf("%s: %s\n", #call, strerrorname_np(errno));      \
        else                                                        \
            printf("%s: %ld\n", #call, result_);                    \
        fflush(stdout);                                             \
        result_;                                                    \
    })

/* Prints a call's errno, or that it succeeded: for results that no rule determines. */
#define CAN(call)                                                              \
    ({                                                                         \
        errno = 0;                                                             \
        long result_ = (long)(call);                                           \
        printf("%s: %s\n", #call, result_ == -1 ? strerrorname_np(errno) : "yes"); \
        fflush(stdout);                                                        \
        result_;                                                               \
    })

/* Does something in a child and waits for its end. */
#define IN_CHILD(...)                               \
    do {                                            \
        fflush(stdout);                             \
        pid_t child_ = fork();                      \
        if (child_ == 0) {                          \
            __VA_ARGS__;                            \
            fflush(stdout);                         \
            _exit(0);                               \
        }                                           \
        waitpid(child_, NULL, 0);                   \
    } while (0)

/* Sleeps so long that everybody else has come to wait. */
static inline void settle(void)
{
    usleep(50000);
}
