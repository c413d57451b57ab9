/*
 * What one core can do at most with an upload in clear: receive and write, with or without SHA-256 on the way, or splice.
 * No server, no protocol: one connection over loopback, a client on another core that sends a file with sendfile.
 * usage: upload-limit FOLDER MiB read|hash|splice
 * Prints MB/s and CPU seconds per GiB of the receiving side.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/evp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PIECE (256 * 1024)
#define PIPE (1024 * 1024)

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (sched_setaffinity(0, sizeof set, &set) != 0) fail("sched_setaffinity");
}

static double seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec + now.tv_nsec / 1e9;
}

static double cpu_seconds(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void send_all(const char *path, const struct sockaddr_in *to, size_t total) {
  int file = open(path, O_RDONLY);
  int out = socket(AF_INET, SOCK_STREAM, 0);
  /* BBR paces even loopback. */
  setsockopt(out, IPPROTO_TCP, TCP_CONGESTION, "cubic", 5);
  if (file < 0 || connect(out, (const struct sockaddr *)to, sizeof *to) != 0) fail("client");
  for (off_t at = 0; at < (off_t)total;)
    if (sendfile(out, file, &at, total - at) <= 0) fail("sendfile");
  close(out);
}

int main(int count, char **args) {
  if (count != 4) return fprintf(stderr, "usage: upload-limit FOLDER MiB read|hash|splice\n"), 2;
  const size_t total = (size_t)atol(args[2]) << 20;
  const int hashes = strcmp(args[3], "hash") == 0, splices = strcmp(args[3], "splice") == 0;
  char from[4096], to[4096];
  snprintf(from, sizeof from, "%s/limit-source", args[1]);
  snprintf(to, sizeof to, "%s/limit-target", args[1]);
  int source = open(from, O_CREAT | O_RDWR | O_TRUNC, 0600);
  char *buffer = malloc(PIECE);
  if (source < 0 || buffer == NULL) fail(from);
  for (size_t i = 0; i < PIECE; i++) buffer[i] = (char)(i * 2654435761u >> 13);
  for (size_t at = 0; at < total; at += PIECE)
    if (pwrite(source, buffer, PIECE, at) != PIECE) fail("source");
  int server = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  if (bind(server, (struct sockaddr *)&address, length) != 0 || listen(server, 1) != 0) fail("listen");
  getsockname(server, (struct sockaddr *)&address, &length);
  pid_t client = fork();
  if (client == 0) {
    pin(1);
    send_all(from, &address, total);
    _exit(0);
  }
  pin(0);
  int in = accept(server, NULL, NULL);
  int file = open(to, O_CREAT | O_RDWR | O_TRUNC, 0600);
  int ends[2];
  if (in < 0 || file < 0 || pipe(ends) != 0) fail("accept");
  fcntl(ends[1], F_SETPIPE_SZ, PIPE);
  EVP_MD_CTX *hash = EVP_MD_CTX_new();
  EVP_DigestInit_ex(hash, EVP_sha256(), NULL);
  const double began = seconds(), used = cpu_seconds();
  loff_t at = 0;
  for (;;) {
    if (splices) {
      ssize_t taken = splice(in, NULL, ends[1], NULL, PIPE, SPLICE_F_MOVE);
      if (taken < 0) fail("splice");
      if (taken == 0) break;
      while (taken > 0) {
        ssize_t moved = splice(ends[0], NULL, file, &at, taken, SPLICE_F_MOVE);
        if (moved <= 0) fail("splice");
        taken -= moved;
      }
    } else {
      ssize_t got = 0, more = 0;
      while (got < PIECE && (more = recv(in, buffer + got, PIECE - got, 0)) > 0) got += more;
      if (more < 0) fail("recv");
      if (got == 0) break;
      if (hashes) EVP_DigestUpdate(hash, buffer, got);
      if (pwrite(file, buffer, got, at) != got) fail("pwrite");
      at += got;
    }
  }
  const double took = seconds() - began, cost = cpu_seconds() - used;
  int status = 0;
  waitpid(client, &status, 0);
  unlink(from);
  unlink(to);
  if (status != 0 || (size_t)at != total) return fprintf(stderr, "%zu of %zu bytes came\n", (size_t)at, total), 1;
  printf("{\"mbPerSecond\":%.0f,\"cpuSecondsPerGib\":%.3f}\n", total / took / 1e6, cost * (1 << 30) / total);
  return 0;
}
