/* Threads, signals and processes, each with a line that says how it went. Runs itself as a child. */
#define _GNU_SOURCE
#include <errno.h>
#include <fenv.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

extern char **environ;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int shared;
static __thread int own = 5;
static volatile sig_atomic_t last, alarms, faults;
static int ends[2];

static void *count(void *add)
{
	for (int i = 0; i < 1000; i++) {
		pthread_mutex_lock(&lock);
		shared++;
		if (i % 100 == 0)
			sched_yield();
		pthread_mutex_unlock(&lock);
	}
	own += (long)add;
	return (void *)(long)own;
}

static void *read_all(void *unused)
{
	char byte;
	while (read(ends[0], &byte, 1) > 0)
		;
	return unused;
}

static void *write_late(void *unused)
{
	usleep(200000);
	if (write(ends[1], "x", 1) != 1)
		abort();
	return unused;
}

static void *round_up(void *unused)
{
	fesetround(FE_UPWARD);
	return unused;
}

static void *tell_rounding(void *unused)
{
	(void)unused;
	return (void *)(long)fegetround();
}

static void *pass(void *argument) { return argument; }

static void on_signal(int number, siginfo_t *info, void *context)
{
	(void)context;
	last = info->si_signo == number ? number : -1;
	alarms += number == SIGALRM;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	ucontext_t *at = context;
	faults += number == SIGSEGV && info->si_addr == NULL;
	at->uc_mcontext.gregs[REG_RIP] += 3; /* mov (%rax), %rbx */
}

static sigjmp_buf before;

static void back(int number)
{
	siglongjmp(before, number);
}

static void clobber(int number)
{
	(void)number;
	__asm__ volatile("pcmpeqd %%xmm7, %%xmm7" ::: "xmm7");
}

static int run(const char *self, const char *mode, const char *argument)
{
	char *args[] = { (char *)self, (char *)mode, (char *)argument, NULL };
	pid_t pid;
	int status = -1, error = posix_spawn(&pid, self, NULL, NULL, args, environ);
	if (error)
		return error;
	if (waitpid(pid, &status, 0) != pid)
		return -1;
	return status;
}

static int child(char **args)
{
	const char *mode = args[1];
	pthread_t thread;
	if (!strcmp(mode, "name")) {
		printf("child %s %d\n", args[2], getppid() == atoi(getenv("PARENT")));
		return 7;
	}
	if (!strcmp(mode, "fault"))
		*(volatile int *)8 = 1;
	if (!strcmp(mode, "nowhere"))
		((void (*volatile)(void))8)();
	if (!strcmp(mode, "sigreturn"))
		__asm__ volatile("mov $15, %%eax\n mov $8, %%rsp\n syscall" ::: "rax");
	if (!strcmp(mode, "threads")) {
		for (int i = 0; i < 5; i++)
			pthread_create(&thread, NULL, read_all, NULL);
		usleep(1000);
		exit(6);
	}
	if (!strcmp(mode, "chain")) {
		char left[12];
		if (!atoi(args[2]))
			return 11;
		snprintf(left, sizeof left, "%d", atoi(args[2]) - 1);
		execl(args[0], args[0], "chain", left, NULL);
	}
	return strcmp(mode, "nothing") ? 99 : 0;
}

int main(int count_of_args, char **args)
{
	pthread_t threads[4];
	void *result;
	/* The name may be another one than the path. */
	args[0] = (char *)getauxval(AT_EXECFN);
	if (pipe(ends))
		return 1;
	if (count_of_args > 1 && !strcmp(args[1], "last"))
		return 12;
	if (count_of_args > 1)
		return child(args);
	setvbuf(stdout, NULL, _IOLBF, 0);
	char parent[12];
	snprintf(parent, sizeof parent, "%d", getpid());
	setenv("PARENT", parent, 1);

	sched_yield(); /* to nobody */
	for (long i = 0; i < 4; i++)
		if (pthread_create(&threads[i], NULL, count, (void *)i))
			return 2;
	for (long i = 0; i < 4; i++) {
		pthread_join(threads[i], &result);
		printf("thread %ld: %ld\n", i, (long)result);
	}
	printf("shared %d own %d\n", shared, own);
	fesetround(FE_TOWARDZERO);
	pthread_create(&threads[0], NULL, round_up, NULL);
	pthread_create(&threads[1], NULL, tell_rounding, NULL);
	fesetround(FE_TONEAREST);
	pthread_join(threads[0], NULL);
	pthread_join(threads[1], &result);
	printf("rounding %d\n", result == (void *)(long)FE_TOWARDZERO);
	for (int i = 0; i < 3000; i++) {
		if (pthread_create(threads, NULL, pass, NULL) || pthread_join(*threads, NULL)) {
			printf("thread %d of many: %s\n", i, strerror(errno));
			break;
		}
	}

	struct sigaction action = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGALRM, &action, NULL);
	raise(SIGUSR1);
	printf("raised %d\n", last);
	struct timespec time = { 5, 0 }, left;
	alarm(1);
	int slept = nanosleep(&time, &left);
	printf("slept %d %d %d\n", slept, errno == EINTR, left.tv_sec >= 3);
	action.sa_flags |= SA_RESTART;
	sigaction(SIGALRM, &action, NULL);
	struct itimerval often = { { 0, 20000 }, { 0, 20000 } }, never = { 0 };
	alarms = 0;
	setitimer(ITIMER_REAL, &often, NULL);
	pthread_create(threads, NULL, write_late, NULL);
	char byte;
	int got = read(ends[0], &byte, 1);
	setitimer(ITIMER_REAL, &never, NULL);
	pthread_join(*threads, NULL);
	printf("read %d over alarms %d\n", got, alarms > 2);

	stack_t stack = { malloc(65536), 0, 65536 };
	struct sigaction fault = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK };
	sigaltstack(&stack, NULL);
	sigaction(SIGSEGV, &fault, NULL);
	long value = 42;
	__asm__ volatile("xor %%eax, %%eax\n mov (%%rax), %%rbx" : "=&b"(value) : "0"(value) : "rax");
	printf("faults %d value %ld\n", faults, value);
	sigaction(SIGSEGV, &(struct sigaction){ .sa_handler = back }, NULL);
	void (*volatile nothing)(void) = NULL;
	if (!sigsetjmp(before, 1))
		nothing();
	printf("called nothing\n");
	signal(SIGSEGV, SIG_DFL);
	struct sigaction vectors = { .sa_handler = clobber };
	sigaction(SIGUSR2, &vectors, NULL);
	double in[2] = { 1.5, 2.5 }, out[2];
	__asm__ volatile("movupd %1, %%xmm7\n mov %2, %%edi\n mov $12, %%esi\n mov $62, %%eax\n"
			 "syscall\n movupd %%xmm7, %0"
			 : "=m"(out) : "m"(in), "r"(getpid())
			 : "rax", "rcx", "r11", "rdi", "rsi", "xmm7", "memory");
	printf("vectors %d\n", !memcmp(in, out, sizeof in));

	printf("name %x\n", run(args[0], "name", "x y"));
	printf("fault %x\n", run(args[0], "fault", "") & 0x7f);
	printf("nowhere %x\n", run(args[0], "nowhere", "") & 0x7f);
	printf("sigreturn %x\n", run(args[0], "sigreturn", "") & 0x7f);
	printf("threads %x\n", run(args[0], "threads", ""));
	printf("chain %x\n", run(args[0], "chain", "20"));
	printf("missing %d\n", run("/nowhere", "", "") == ENOENT);
	for (int i = 0; i < 100; i++)
		if ((got = run(args[0], "nothing", "")))
			printf("process %d of many: %x\n", i, got);
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	sigprocmask(SIG_BLOCK, &set, NULL);
	pid_t pid = vfork();
	if (pid == 0)
		_exit(3);
	int number, status;
	sigwait(&set, &number);
	got = waitpid(-1, &status, WNOHANG) == pid;
	printf("vfork %d %d %x\n", number == SIGCHLD, got, status);
	printf("no more %d\n", waitpid(-1, &status, 0) == -1 && errno == ECHILD);
	/* The last of a process's programs, run while it has other threads. */
	pthread_create(threads, NULL, read_all, NULL);
	usleep(1000);
	execl(args[0], args[0], "last", NULL);
	return 98;
}
