/* Threads that compute: whoever else has to run, runs. Each part prints a line. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/rseq.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static volatile int flag;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec / 1e9;
}

static void pause_ms(int ms)
{
    struct timespec t = { ms / 1000, ms % 1000 * 1000000L };
    nanosleep(&t, NULL);
}

static void *sets_flag(void *unused)
{
    (void)unused;
    pause_ms(30);
    flag = 1;
    return NULL;
}

/* Another thread ends what this one computes without a system call. */
static void stopped_by_a_thread(void)
{
    pthread_t thread;
    flag = 0;
    pthread_create(&thread, NULL, sets_flag, NULL);
    while (!flag) {}
    pthread_join(thread, NULL);
    puts("stopped by a thread");
}

static void on_signal(int signal)
{
    flag = signal;
}

/* A timer's signal is handled while nothing calls the kernel. */
static void stopped_by_a_signal(void)
{
    struct itimerval timer = { { 0, 0 }, { 0, 30000 } };
    flag = 0;
    signal(SIGALRM, on_signal);
    setitimer(ITIMER_REAL, &timer, NULL);
    while (!flag) {}
    printf("stopped by signal %d\n", flag);
}

static void compute(long rounds)
{
    for (volatile long i = 0; i < rounds; i++) {}
}

/* The same for the only thread there is, as its first act and after it has computed for long. */
static void stopped_alone(void)
{
    struct itimerval timer = { { 0, 0 }, { 0, 30000 } };
    signal(SIGALRM, on_signal);
    for (int i = 0; i < 3; i++) {
        flag = 0;
        if (i == 2) /* no program can disable interrupts beyond its next call */
            __asm__ volatile("leaq -128(%%rsp), %%rsp; pushq $2; popfq; leaq 128(%%rsp), %%rsp"
                             ::: "cc", "memory");
        setitimer(ITIMER_REAL, &timer, NULL);
        while (!flag) {}
        puts(i ? "stopped later" : "stopped at first");
        compute(100000000);
    }
}

static int ends[2];

static void *spins(void *unused)
{
    char byte;
    (void)unused;
    if (read(ends[0], &byte, 1) == 1)
        while (!flag) {}
    return NULL;
}

/* Who has computed alone does not wait as long for one that comes back. */
static void not_starved(void)
{
    pthread_t thread;
    flag = 0;
    if (pipe(ends))
        perror("pipe");
    pthread_create(&thread, NULL, spins, NULL);
    pause_ms(1);
    double before = now();
    compute(300000000);
    double took = now() - before;
    before = now();
    if (write(ends[1], "", 1) != 1)
        perror("write");
    pause_ms(1);
    compute(3000000);
    double waited = now() - before;
    flag = 1;
    pthread_join(thread, NULL);
    puts(waited < took / 4 ? "not starved" : "starved");
    fprintf(stderr, "computed %.3f s, waited %.3f s\n", took, waited);
}

/* What a computation keeps in registers and below its stack pointer. */
static __attribute__((noinline)) uint64_t mix(uint64_t seed, long rounds)
{
    volatile uint64_t red_zone[4] = { seed, seed ^ 1, seed ^ 2, seed ^ 3 };
    double a = seed % 1000 + 1.5, b = a * 0.75, c = b + 3.25, d = 1.0;
    long double e = a;
    uint64_t x = seed, y = ~seed, z = seed * 3;
    while (rounds-- > 0) {
        x = x * 6364136223846793005ull + y;
        y ^= x >> 29;
        z += y << 3 | x >> 61;
        red_zone[x & 3] += z;
        a = a * 0.999 + b * 0.001;
        b = sqrt(b * b + 0.5) - 0.25;
        c = c * 0.5 + a;
        d += c * 1e-9;
        e = e * 0.9999L + 0.1L;
    }
    uint64_t bits[5];
    double all[5] = { a, b, c, d, (double)e };
    memcpy(bits, all, sizeof bits);
    return x ^ y ^ z ^ red_zone[0] ^ red_zone[1] ^ red_zone[2] ^ red_zone[3] ^ bits[0] ^ bits[1]
        ^ bits[2] ^ bits[3] ^ bits[4];
}

#define MIXERS 6
#define ROUNDS 400000

static void *mixes(void *seed)
{
    uint64_t sum = 0;
    for (int i = 0; i < 4; i++) {
        sum += mix((uintptr_t)seed + i, ROUNDS);
        getppid();
    }
    return (void *)sum;
}

static void registers_are_kept(void)
{
    pthread_t threads[MIXERS];
    void *alone[MIXERS], *together;
    int wrong = 0;
    for (long i = 0; i < MIXERS; i++)
        alone[i] = mixes((void *)(i * 1000 + 7));
    for (long i = 0; i < MIXERS; i++)
        pthread_create(&threads[i], NULL, mixes, (void *)(i * 1000 + 7));
    for (int i = 0; i < MIXERS; i++) {
        pthread_join(threads[i], &together);
        wrong += together != alone[i];
    }
    printf("%d of %d results are wrong\n", wrong, MIXERS);
}

static volatile int go;

static void *counts(void *nice)
{
    volatile uint64_t count = 0;
    setpriority(PRIO_PROCESS, syscall(SYS_gettid), (long)nice);
    while (!go)
        pause_ms(1);
    while (go == 1)
        count++;
    return (void *)count;
}

/* Nice 5 is a third of nice 0. */
static void shares(void)
{
    pthread_t a, b;
    void *more, *less;
    go = 0;
    pthread_create(&a, NULL, counts, (void *)0);
    pthread_create(&b, NULL, counts, (void *)5);
    pause_ms(20);
    go = 1;
    pause_ms(800);
    go = 2;
    pthread_join(a, &more);
    pthread_join(b, &less);
    double ratio = (double)(uintptr_t)more / (double)(uintptr_t)less;
    printf("shares %s\n", ratio > 2.2 && ratio < 4.2 ? "as nice values say" : "differ");
    fprintf(stderr, "ratio %.2f\n", ratio);
}

#define NAPS 41

static double lateness[NAPS];

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void *is_urgent(void *unused)
{
    (void)unused;
    struct sched_param p = { 10 };
    if (sched_setscheduler(0, SCHED_FIFO, &p))
        perror("sched_setscheduler");
    for (int i = 0; i < NAPS; i++) {
        double due = now() + 0.005;
        pause_ms(5);
        lateness[i] = now() - due;
    }
    qsort(lateness, NAPS, sizeof *lateness, compare);
    go = 2;
    return NULL;
}

/* A real-time thread does not wait for the end of anybody's slice. */
static void urgent(void)
{
    pthread_t a, b, c;
    go = 1;
    pthread_create(&a, NULL, counts, (void *)0);
    pthread_create(&b, NULL, counts, (void *)0);
    pthread_create(&c, NULL, is_urgent, NULL);
    pthread_join(c, NULL);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    double worst = lateness[NAPS - 1];
    printf("urgent %s\n", worst < 0.001 ? "in time" : "too late");
    fprintf(stderr, "worst lateness %.3f ms\n", worst * 1e3);
}

static void *calls(void *counter)
{
    while (go == 1) {
        getppid();
        ++*(volatile uint64_t *)counter;
    }
    return NULL;
}

/* Interrupts between a system call and the program's next instruction. */
static void calling(void)
{
    pthread_t threads[3];
    uint64_t counters[3] = { 0 };
    go = 1;
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, calls, &counters[i]);
    pause_ms(500);
    go = 2;
    int all = 1;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        all &= counters[i] > 100;
    }
    printf("callers: %s\n", all ? "all" : "not all");
}

/* A restartable sequence: reads the counter, takes its time, and writes one more. */
static int add_one(volatile long *counter)
{
    struct rseq *area = (void *)((char *)__builtin_thread_pointer() + __rseq_offset);
    __asm__ goto(
        ".pushsection sequences, \"aw\"\n"
        ".balign 32\n"
        "3: .long 0, 0\n"
        ".quad 1f, 2f - 1f, 4f\n"
        ".popsection\n"
        "leaq 3b(%%rip), %%rax\n"
        "movq %%rax, %[sequence]\n"
        "1: movq %[counter], %%rdx\n"
        "movl $2000, %%ecx\n"
        "5: decl %%ecx\n"
        "jnz 5b\n"
        "incq %%rdx\n"
        "movq %%rdx, %[counter]\n"
        "2:\n"
        ".pushsection .text.aborts, \"ax\"\n"
        ".byte 0x0f, 0xb9, 0x3d\n"
        ".long %c[signature]\n"
        "4: jmp %l[aborted]\n"
        ".popsection\n"
        :
        : [sequence] "m"(area->rseq_cs), [counter] "m"(*counter), [signature] "i"(RSEQ_SIG)
        : "memory", "cc", "rax", "rcx", "rdx"
        : aborted);
    return 1;
aborted:
    return 0;
}

#define ADDED 10000

static volatile long sum;

static void *adds(void *aborts)
{
    for (int added = 0; added < ADDED;) {
        if (add_one(&sum))
            added++;
        else
            ++*(long *)aborts;
    }
    return NULL;
}

/* No sequence that was interrupted has counted. */
static void sequences(void)
{
    pthread_t a, b;
    long aborts[2] = { 0 };
    pthread_create(&a, NULL, adds, &aborts[0]);
    pthread_create(&b, NULL, adds, &aborts[1]);
    pthread_join(a, NULL);
    pthread_join(b, NULL);
    printf("sequences: %ld added, %s\n", sum, aborts[0] + aborts[1] ? "some again" : "none again");
}

static void policies(void)
{
    struct sched_param p = { 0 };
    errno = 0;
    printf("nice %d", getpriority(PRIO_PROCESS, 0));
    setpriority(PRIO_PROCESS, 0, 30);
    printf(" %d", getpriority(PRIO_PROCESS, 0));
    setpriority(PRIO_PROCESS, 0, 0);
    printf(" %d, policy %d", getpriority(PRIO_PROCESS, 0), sched_getscheduler(0));
    p.sched_priority = 7;
    printf(" %d", sched_setscheduler(0, SCHED_RR, &p));
    sched_getparam(0, &p);
    printf(" %d of %d", sched_getscheduler(0), p.sched_priority);
    p.sched_priority = 100;
    printf(" %d", sched_setscheduler(0, SCHED_FIFO, &p) && errno == EINVAL);
    p.sched_priority = 0;
    printf(" %d", sched_setscheduler(0, SCHED_IDLE, &p));
    printf(" %d", sched_getscheduler(0));
    printf(" %d", sched_setscheduler(0, SCHED_OTHER, &p));
    struct timespec t;
    printf(" %d", sched_rr_get_interval(0, &t));
    printf(" %d\n", getpriority(PRIO_PROCESS, 9999) == -1 && errno == ESRCH);
}

/* Echoes what clients send, at port 7. */
static void *echoes(void *unused)
{
    (void)unused;
    struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(7) };
    char buffer[4096];
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(listener, (void *)&at, sizeof at) || listen(listener, 9))
        exit(9);
    for (;;) {
        int client = accept(listener, NULL, NULL);
        ssize_t len;
        while ((len = read(client, buffer, sizeof buffer)) > 0)
            if (write(client, buffer, len) != len)
                break;
        close(client);
    }
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1 && !strcmp(argv[1], "serve")) {
        pthread_t thread;
        pthread_create(&thread, NULL, echoes, NULL);
        for (;;)
            mix(1, 1000000);
    }
    if (argc > 1 && !strcmp(argv[1], "alone")) {
        not_starved();
        stopped_alone();
        return 0;
    }
    stopped_by_a_thread();
    stopped_by_a_signal();
    registers_are_kept();
    sequences();
    policies();
    shares();
    urgent();
    calling();
    return 0;
}
