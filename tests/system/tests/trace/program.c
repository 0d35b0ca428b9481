/* System calls of several kinds, and a second thread. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

static int pipes[2];

static void *second(void *unused)
{
	char byte;
	(void)unused;
	read(pipes[0], &byte, 1);
	return 0;
}

int main(int argc, char **argv)
{
	pthread_t thread;
	struct stat st;
	struct timespec pause = { 0, 1000 };
	struct sigaction action = { .sa_handler = SIG_IGN, .sa_flags = SA_RESTART };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };
	struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u64 = 7 };
	int fd, pair[2];

	/* From here on the test compares. */
	fcntl(999, F_GETFD);
	pipe2(pipes, O_CLOEXEC);
	fd = openat(AT_FDCWD, "text", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	fstat(fd, &st);
	char all[100];
	read(fd, all, sizeof all);
	lseek(fd, -3, SEEK_END);
	struct iovec pieces[] = { { all, 2 }, { all + 2, 50 } };
	readv(fd, pieces, 2);
	write(1, "\0011\t\"quoted\\ \377 and a long rest that is cut\n", 42);
	fcntl(fd, F_SETFL, O_RDONLY | O_NONBLOCK);
	fcntl(fd, F_DUPFD_CLOEXEC, 100);
	fcntl(fd, F_GETFD);
	fcntl(fd, F_GETFL);
	close(fd);
	umask(umask(077));
	mprotect((void *)8, 4096, PROT_READ | PROT_WRITE);
	munmap(mmap(0, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), 8192);
	nanosleep(&pause, 0);
	sigaction(SIGUSR1, &action, 0);
	sigaction(SIGUSR1, 0, &action);
	close(open("new", O_WRONLY | O_CREAT | O_EXCL, 0640));
	unlink("new");
	access("text", R_OK | W_OK);
	socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair);
	bind(socket(AF_INET, SOCK_STREAM, 0), (void *)&in, 3);
	connect(999, (void *)&in, sizeof in);
	fd = epoll_create1(EPOLL_CLOEXEC);
	epoll_ctl(fd, EPOLL_CTL_ADD, pair[0], &event);
	write(pair[1], "x", 1);
	epoll_wait(fd, &event, 1, 0);
	poll(&(struct pollfd){ pair[0], POLLIN | POLLOUT, 0 }, 1, 0);
	poll(&(struct pollfd){ pipes[0], POLLIN, 0 }, 1, 0);
	readlink("text", all, 100);
	getcwd(all, 1);
	kill(0, 0);
	uname((void *)1);
	sendto(pair[0], "out of here", 11, MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0);
	shutdown(pair[0], SHUT_RDWR);
	madvise((void *)4096, 4096, MADV_DONTNEED);
	fcntl(999, F_GETFD);
	/* Here the test stops comparing. */

	if (argc > 1) {
		pthread_create(&thread, 0, second, argv);
		usleep(200000); /* until it waits */
		write(pipes[1], "y", 1);
		pthread_join(thread, 0);
	}
	return 0;
}
