/* Without a C library's many calls before it, the first thing that happens is to be interrupted. */
#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

static volatile int flag;

static void on_signal(int signal)
{
    flag = signal;
}

int main(void)
{
    struct itimerval timer = { { 0, 0 }, { 0, 30000 } };
    signal(SIGALRM, on_signal);
    setitimer(ITIMER_REAL, &timer, NULL);
    while (!flag) {}
    return write(1, "stopped\n", 8) != 8;
}
