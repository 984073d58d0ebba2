/*
 * sleep-order: processes that sleep wake in the order of their deadlines, and wait reports them in that order.
 *
 * nanosleep(2), wait(2).
 */
#include "rt.h"

int main(void)
{
    static const int delays_ms[] = { 300, 100, 200, 0 };
    for (int i = 0; i < 4; i++) {
        if (must("fork", fork()) == 0) {
            sleep_ms(delays_ms[i]);
            exit(i);
        }
    }
    printf("they end in the order");
    for (int i = 0; i < 4; i++)
        printf(" %d", exit_status_of(-1));
    printf("\n");
    struct __kernel_timespec wrong = { 0, 1000000000 };
    show("a thousand million nanoseconds", nanosleep(&wrong));
    return 0;
}
