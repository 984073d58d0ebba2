/*
 * file-sizes: RLIMIT_FSIZE and SIGXFSZ; sendfile and splice to a socket.
 *
 * setrlimit(2), write(2), truncate(2), sendfile(2).
 */
#include "probe.h"
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>

static int signals;

static void on_limit(int number)
{
    (void)number;
    signals++;
}

int main(void)
{
    char bytes[10000] = { 0 };
    struct rlimit limit = { 5000, RLIM_INFINITY };
    int fd = open("file", O_RDWR | O_CREAT, 0600), from = open("from", O_RDWR | O_CREAT, 0600), ends[2], pair[2], status;
    write(from, bytes, 10000);
    pipe(ends);
    signal(SIGXFSZ, on_limit);
    setrlimit(RLIMIT_FSIZE, &limit);
    TRY(write(fd, bytes, 10000)), TRY(signals);
    TRY(write(fd, bytes, 1)), TRY(signals);
    TRY(write(fd, bytes, 0)), TRY(signals);
    TRY(pwrite(fd, bytes, 10, 4995)), TRY(pwrite(fd, bytes, 10, 5000)), TRY(signals);
    TRY(ftruncate(fd, 5000)), TRY(ftruncate(fd, 5001)), TRY(signals);
    TRY(ftruncate(from, 9000)), TRY(truncate("from", 8999)), TRY(signals);
    TRY(fallocate(fd, 0, 0, 5000)), TRY(fallocate(fd, 0, 0, 5001)), TRY(signals);
    TRY(fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, 6000)), TRY(signals);
    TRY(write(ends[1], bytes, 6000)), TRY(write(open("/dev/null", O_WRONLY), bytes, 6000)), TRY(signals);
    ftruncate(fd, 100), lseek(fd, 0, SEEK_SET), lseek(from, 0, SEEK_SET);
    TRY(sendfile(fd, from, NULL, 8000)), TRY(signals);
    TRY(sendfile(fd, from, NULL, 8000)), TRY(signals);
    IN_CHILD({
        signal(SIGXFSZ, SIG_DFL);
        if (fork() == 0) {
            write(fd, bytes, 1);
            _exit(0);
        }
        wait(&status);
        printf("signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    });
    socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
    lseek(from, 0, SEEK_SET);
    TRY(sendfile(pair[0], from, NULL, 300));
    TRY(read(pair[1], bytes, 1000));
    write(ends[1], "abc", 3);
    while (read(ends[0], bytes, 6000) == 6000)
        ;
    write(ends[1], "defg", 4);
    TRY(splice(ends[0], NULL, pair[0], NULL, 100, 0));
    TRY(read(pair[1], bytes, 1000));
    signal(SIGPIPE, SIG_IGN);
    close(pair[1]);
    TRY(sendfile(pair[0], from, NULL, 300));
    return 0;
}
