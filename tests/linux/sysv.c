/*
 * sysv: System V shared memory and semaphores: attaching, fork, exec, ends, removal, permissions; waiting in turn, undoing,
 * and every refusal.
 *
 * shmget(2), shmop(2), shmctl(2), semget(2), semop(2), semctl(2).
 */
#include "probe.h"
#include <sys/ipc.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/syscall.h>
#include <time.h>

union semun {
    int val;
    void *buf;
    unsigned short *array;
};

static long attached(int id)
{
    struct shmid_ds ds;
    return shmctl(id, IPC_STAT, &ds) ? -errno : (long)ds.shm_nattch;
}

static void segments(char **argv)
{
    int id = shmget(IPC_PRIVATE, 5000, 0600);
    struct shmid_ds ds;
    TRY(shmctl(id, IPC_STAT, &ds));
    printf("size %zu mode %o attached %ld never %d made by me %d last %d\n", ds.shm_segsz, ds.shm_perm.mode,
           (long)ds.shm_nattch, ds.shm_atime == 0 && ds.shm_dtime == 0, ds.shm_cpid == getpid(), ds.shm_lpid);
    char *one = shmat(id, NULL, 0), *two = shmat(id, NULL, SHM_RDONLY);
    one[0] = 'a';
    printf("seen %c, to the end of the page %d, attached %ld\n", two[0], one[8191], attached(id));
    IN_CHILD({
        printf("child: attached %ld\n", attached(id));
        one[1] = 'b';
        shmdt(two);
        printf("child: attached %ld\n", attached(id));
    });
    printf("after it: seen %c, attached %ld\n", two[1], attached(id));
    shmctl(id, IPC_STAT, &ds);
    printf("detached %d by somebody else %d\n", ds.shm_dtime != 0, ds.shm_lpid != getpid());
    IN_CHILD({
        fflush(stdout);
        char number[20];
        sprintf(number, "%d", id);
        execl("/proc/self/exe", "sysv", number, NULL);
    });
    IN_CHILD({
        signal(SIGSEGV, SIG_DFL);
        two[0] = 'x';
    });
    TRY(shmdt(two + 1));
    TRY(shmdt(two + 4096));
    TRY(shmdt(two));
    TRY(shmdt(two));
    printf("attached %ld\n", attached(id));
    munmap(one, 4096);
    printf("a part unmapped: attached %ld\n", attached(id));
    TRY(shmdt(one));
    printf("attached %ld\n", attached(id));
    one = shmat(id, NULL, 0);
    mprotect(one, 4096, PROT_READ);
    printf("split: attached %ld\n", attached(id));
    TRY(shmdt(one));
    printf("attached %ld\n", attached(id));
    one = shmat(id, NULL, 0);
    printf("kept: %c%c\n", one[0], one[1]);
    TRY(shmctl(id, IPC_RMID, NULL));
    shmctl(id, IPC_STAT, &ds);
    printf("doomed: mode %o key %d attached %ld\n", ds.shm_perm.mode, ds.shm_perm.__key, (long)ds.shm_nattch);
    two = shmat(id, NULL, 0);
    printf("attached again %d, %c\n", two != (void *)-1, two[0]);
    TRY(shmdt(one));
    TRY(shmdt(two));
    TRY(shmctl(id, IPC_STAT, &ds));
}

static void places(void)
{
    int id = shmget(IPC_PRIVATE, 8192, 0600);
    char *room = mmap(NULL, 65536, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    TRY(shmat(id, room, 0));
    TRY(shmat(id, room + 1, 0));
    TRY(shmat(id, NULL, SHM_REMAP));
    printf("replaced %d\n", shmat(id, room, SHM_REMAP) == room);
    munmap(room + 16384, 16384);
    printf("rounded %d\n", shmat(id, room + 16384 + 77, SHM_RND) == room + 16384);
    printf("attached %ld\n", attached(id));
    munmap(room, 65536);
    printf("attached %ld\n", attached(id));
    TRY(shmat(-1, NULL, 0));
    TRY(shmat(id + 1, NULL, 0));
    TRY(shmctl(id, 99, NULL));
    TRY(shmctl(id, IPC_STAT, (void *)8));
    TRY(shmctl(id, IPC_RMID, NULL));
    TRY(shmctl(id, IPC_RMID, NULL));
}

static void keys(void)
{
    key_t key = 0x7469;
    TRY(shmget(key, 4096, 0600));
    int id = shmget(key, 4096, IPC_CREAT | 0640);
    printf("the same %d %d\n", shmget(key, 0, 0) == id, shmget(key, 4096, IPC_CREAT) == id);
    TRY(shmget(key, 4096, IPC_CREAT | IPC_EXCL | 0600));
    TRY(shmget(key, 4097, 0));
    TRY(shmget(IPC_PRIVATE, 0, 0600));
    TRY(shmget(IPC_PRIVATE, -1, 0600));
    IN_CHILD({
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        TRY(shmget(key, 4096, 0400));
        TRY(shmat(id, NULL, SHM_RDONLY));
        struct shmid_ds ds;
        TRY(shmctl(id, IPC_STAT, &ds));
        TRY(shmctl(id, IPC_RMID, NULL));
        TRY(shmctl(id, IPC_SET, &ds));
        TRY(shmctl(id, SHM_LOCK, NULL));
    });
    struct shmid_ds ds = {.shm_perm.mode = 0444, .shm_perm.uid = 5, .shm_perm.gid = 1000};
    TRY(shmctl(id, IPC_SET, &ds));
    shmctl(id, IPC_STAT, &ds);
    printf("uid %d gid %d cuid %d mode %o\n", ds.shm_perm.uid, ds.shm_perm.gid, ds.shm_perm.cuid, ds.shm_perm.mode);
    TRY(shmctl(id, SHM_LOCK, NULL));
    shmctl(id, IPC_STAT, &ds);
    printf("locked: mode %o\n", ds.shm_perm.mode);
    TRY(shmctl(id, SHM_UNLOCK, NULL));
    IN_CHILD({
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        CAN(shmat(id, NULL, SHM_RDONLY));
        TRY(shmat(id, NULL, 0));
        TRY(shmat(id, NULL, SHM_RDONLY | SHM_EXEC));
    });
    shmctl(id, IPC_RMID, NULL);
    TRY(shmget(key, 4096, 0));
}

static int op(int id, int index, int change, int flags)
{
    struct sembuf buf = {index, change, flags};
    return semop(id, &buf, 1);
}

static pid_t waiter(int id, int index, int change, int status)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
        _exit(op(id, index, change, 0) ? errno : status);
    while (semctl(id, index, change ? GETNCNT : GETZCNT) == 0)
        usleep(1000);
    usleep(10000);
    return child;
}

static int status_of(pid_t child)
{
    int status;
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void on_alarm(int number)
{
}

static void semaphores(void)
{
    int id = semget(IPC_PRIVATE, 3, 0600);
    unsigned short values[3] = {1, 2, 3};
    TRY(semctl(id, 0, SETALL, values));
    TRY(semctl(id, 1, GETVAL));
    TRY(op(id, 0, -1, 0));
    TRY(op(id, 0, -1, IPC_NOWAIT));
    TRY(op(id, 0, 0, IPC_NOWAIT));
    TRY(op(id, 1, 0, IPC_NOWAIT));
    TRY(op(id, 3, 1, 0));
    TRY(op(id, 0, 32767, 0));
    TRY(op(id, 0, 1, 0));
    TRY(semctl(id, 0, SETVAL, 32768));
    TRY(semctl(id, 0, SETVAL, -1));
    TRY(semctl(id, 3, SETVAL, 1));
    TRY(semctl(id, 0, SETVAL, 0));
    printf("last by me %d, nobody %d\n", semctl(id, 0, GETPID) == getpid(), semctl(id, 2, GETPID) == getpid());
    struct sembuf both[2] = {{1, -1, 0}, {0, -1, IPC_NOWAIT}};
    TRY(semop(id, both, 2));
    TRY(semctl(id, 1, GETVAL));
    /* the older one is served first, and nobody who comes later takes it away */
    pid_t first = waiter(id, 0, -2, 10);
    pid_t second = waiter(id, 0, -1, 11);
    printf("waiting %d %d\n", semctl(id, 0, GETNCNT), semctl(id, 0, GETZCNT));
    TRY(op(id, 0, 1, 0));
    printf("second: %d\n", status_of(second));
    TRY(op(id, 0, 2, 0));
    TRY(op(id, 0, -1, IPC_NOWAIT));
    printf("first: %d\n", status_of(first));
    first = waiter(id, 2, 0, 12);
    TRY(semctl(id, 2, GETZCNT));
    TRY(semctl(id, 2, SETVAL, 0));
    printf("zero: %d\n", status_of(first));
    first = waiter(id, 0, -1, 13);
    signal(SIGALRM, on_alarm);
    struct timespec soon = {0, 20000000}, bad = {0, -1};
    struct sembuf take = {0, -1, 0};
    TRY(semtimedop(id, &take, 1, &soon));
    TRY(semtimedop(id, &take, 1, &bad));
    TRY(semctl(id, 0, GETNCNT));
    IN_CHILD({
        struct sigaction action = {.sa_handler = on_alarm};
        action.sa_flags = SA_RESTART;
        sigaction(SIGALRM, &action, NULL);
        alarm(1);
        TRY(op(id, 0, -1, 0));
    });
    TRY(semctl(id, 0, IPC_RMID));
    printf("removed: %s\n", strerrorname_np(status_of(first)));
    TRY(op(id, 0, 1, 0));
    TRY(semop(-1, both, 1));
    TRY(semop(id, both, 0));
    TRY(semop(id, both, 501));
    TRY(semget(IPC_PRIVATE, 0, 0600));
    TRY(semget(IPC_PRIVATE, -1, 0600));
    TRY(semget(IPC_PRIVATE, 32001, 0600));
}

static void undo(void)
{
    int id = semget(IPC_PRIVATE, 2, 0600);
    semctl(id, 0, SETVAL, 5);
    IN_CHILD({
        op(id, 0, -3, SEM_UNDO);
        op(id, 1, 2, SEM_UNDO);
        fflush(stdout);
        if (fork() == 0) {
            op(id, 0, 1, SEM_UNDO);
            printf("grandchild: %d\n", semctl(id, 0, GETVAL));
            fflush(stdout);
            _exit(0);
        }
        wait(NULL);
        printf("child: %d %d\n", semctl(id, 0, GETVAL), semctl(id, 1, GETVAL));
    });
    printf("after it: %d %d\n", semctl(id, 0, GETVAL), semctl(id, 1, GETVAL));
    IN_CHILD({
        op(id, 0, -3, SEM_UNDO);
        semctl(id, 0, SETVAL, 1);
    });
    printf("set meanwhile: %d\n", semctl(id, 0, GETVAL));
    IN_CHILD({
        op(id, 0, 4, SEM_UNDO);
        op(id, 0, -3, 0);
    });
    printf("not below zero: %d\n", semctl(id, 0, GETVAL));
    semctl(id, 0, SETVAL, 1);
    fflush(stdout);
    pid_t holder = fork();
    if (holder == 0) {
        op(id, 0, -1, SEM_UNDO);
        usleep(50000);
        _exit(0);
    }
    while (semctl(id, 0, GETVAL))
        usleep(1000);
    TRY(op(id, 0, -1, 0));
    printf("its holder ended: %d\n", status_of(holder));
    struct semid_ds ds;
    union semun to = {.buf = &ds};
    TRY(semctl(id, 0, IPC_STAT, to));
    printf("%ld semaphores, used %d, mode %o\n", (long)ds.sem_nsems, ds.sem_otime != 0, ds.sem_perm.mode);
    IN_CHILD({
        setresgid(1000, 1000, 1000);
        setresuid(1000, 1000, 1000);
        TRY(op(id, 0, 1, 0));
        TRY(semctl(id, 0, GETVAL));
        TRY(semctl(id, 0, SETVAL, 1));
        TRY(semctl(id, 0, IPC_RMID));
    });
    TRY(semctl(id, 0, 99));
    semctl(id, 0, IPC_RMID);
}

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

/* Every page of a segment is a fault, even if it is there already. */
static void touches(void)
{
    enum { PAGES = 32 };
    int id = shmget(IPC_PRIVATE, PAGES * 4096, 0600);
    char *first = shmat(id, NULL, 0), *second = shmat(id, NULL, SHM_RDONLY);
    long before = faults();
    for (int i = 0; i < PAGES; i++)
        first[i * 4096] = 1;
    long stored = faults();
    for (int i = 0; i < PAGES; i++)
        *(volatile char *)(second + i * 4096);
    long loaded = faults();
    printf("faults: %ld of stores, %ld of loads\n", stored - before, loaded - stored);
    fflush(stdout);
    IN_CHILD({
        long before = faults();
        for (int i = 0; i < PAGES; i++)
            *(volatile char *)(first + i * 4096);
        printf("faults: %ld of a child's loads\n", faults() - before);
    });
    shmctl(id, IPC_RMID, NULL);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        printf("after exec: attached %ld\n", attached(atoi(argv[1])));
        return 0;
    }
    segments(argv);
    places();
    keys();
    semaphores();
    undo();
    touches();
    return 0;
}
