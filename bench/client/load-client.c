/*
 * Load client for FTP and FTPS servers on loopback: threads, blocking sockets, OpenSSL. One run is one operation; its
 * result is one line of JSON. Made so that the client is never what is measured:
 *   - downloads are dropped in the kernel (MSG_TRUNC); under TLS the records are dropped undecrypted, after a real
 *     handshake, up to the close_notify record;
 *   - plain uploads are sent with sendfile(2) from memory; TLS uploads are encrypted before the clock starts;
 *   - with one connection the client polls for 300 us before it sleeps, so that its own wake-up is not in the figures.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define MIB (1UL << 20)
#define SOURCE_BYTES (16 * MIB)
#define SINK_BYTES (16 * MIB)
#define SMALL_UPLOAD 65536
#define MAX_LATENCIES 400000
#define MAX_FAILURES 20
#define SOCKET_TIMEOUT_S 120

typedef struct {
  int fd;
  SSL *tls;
  char buffer[16384];
  int at, filled;
  char line[4096];
} Control;

typedef struct {
  int id;
  long ops, bytes, lines, failures, latencies;
  double start, end;
  float *latency_us;
} Thread;

static struct {
  const char *op, *user, *password, *file, *command, *tag;
  int port, tls, threads, count, depth, pause_ms;
  double seconds;
  size_t size;
} options = {"retr", "anonymous", "a@b.c", "big", "NOOP", "x", 21, 0, 1, 1, 1, 0, 1, 1UL << 30};

static SSL_CTX *tls_context;
static int source_fd;
static char *source;
static int polls, decrypts;
static long data_handshakes, data_resumed;
static char negotiated[128] = "-";
static pthread_barrier_t all_ready;
static Control **idle_sessions;
static __thread char *sink;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

__attribute__((format(printf, 1, 2))) static void die(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fprintf(stderr, " (%s)\n", strerror(errno));
  _exit(3);
}

static int connect_to(int port) {
  int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  int one = 1;
  struct timeval timeout = {SOCKET_TIMEOUT_S, 0};
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  if (connect(fd, (void *)&address, sizeof address) == 0) return fd;
  close(fd);
  return -1;
}

static void poll_briefly(int fd) {
  if (!polls) return;
  char byte;
  double until = now() + 300e-6;
  while (recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN && now() < until) {
  }
}

/* ---- control connection ---- */

static int control_read(Control *c) {
  if (!(c->tls && SSL_pending(c->tls))) poll_briefly(c->fd);
  return c->tls ? SSL_read(c->tls, c->buffer, sizeof c->buffer) : recv(c->fd, c->buffer, sizeof c->buffer, 0);
}

static int control_write(Control *c, const void *bytes, int length) {
  return c->tls ? SSL_write(c->tls, bytes, length) : send(c->fd, bytes, length, MSG_NOSIGNAL);
}

static int read_line(Control *c) {
  int length = 0;
  for (;;) {
    if (c->at == c->filled) {
      c->filled = control_read(c);
      c->at = 0;
      if (c->filled <= 0) return c->filled = 0, -1;
    }
    char *from = c->buffer + c->at, *end = memchr(from, '\n', c->filled - c->at);
    int part = end ? end - from + 1 : c->filled - c->at;
    if (length + part < (int)sizeof c->line) {
      memcpy(c->line + length, from, part);
      length += part;
    }
    c->at += part;
    if (end) return c->line[length] = 0, length;
  }
}

static int read_reply(Control *c) {
  if (read_line(c) < 0) return -1;
  int code = atoi(c->line);
  if (c->line[3] == '-') {
    char last[8];
    snprintf(last, sizeof last, "%03d ", code);
    do {
      if (read_line(c) < 0) return -1;
    } while (strncmp(c->line, last, 4));
  }
  return code;
}

__attribute__((format(printf, 2, 3))) static int send_command(Control *c, const char *format, ...) {
  char line[1024];
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(line, sizeof line - 2, format, arguments);
  va_end(arguments);
  memcpy(line + length, "\r\n", 2);
  return control_write(c, line, length + 2);
}

#define ASK(c, ...) (send_command(c, __VA_ARGS__) > 0 ? read_reply(c) : -1)

static void hang_up(Control *c) {
  if (c->tls) SSL_free(c->tls);
  c->tls = NULL;
  if (c->fd >= 0) close(c->fd);
  c->fd = -1;
}

/* 0, or which step failed. */
static int log_in(Control *c) {
  c->tls = NULL;
  c->at = c->filled = 0;
  c->fd = connect_to(options.port);
  if (c->fd < 0) return 1;
  if (read_reply(c) != 220) return 2;
  if (options.tls) {
    if (ASK(c, "AUTH TLS") != 234) return 3;
    SSL *tls = SSL_new(tls_context);
    SSL_set_fd(tls, c->fd);
    if (SSL_connect(tls) != 1) return 4;
    c->tls = tls;
    if (negotiated[0] == '-') {
      snprintf(negotiated, sizeof negotiated, "%s %s", SSL_get_version(tls), SSL_get_cipher(tls));
    }
  }
  int code = ASK(c, "USER %s", options.user);
  if (code == 331) code = ASK(c, "PASS %s", options.password);
  return code == 230 ? 0 : 5;
}

static int prepare_transfers(Control *c) {
  if (options.tls && (ASK(c, "PBSZ 0") != 200 || ASK(c, "PROT P") != 200)) return 6;
  return ASK(c, "TYPE I") == 200 ? 0 : 7;
}

/* ---- data connection ---- */

static int open_data(Control *c) {
  if (ASK(c, "EPSV") != 229) die("EPSV: %s", c->line);
  char *bracket = strchr(c->line, '(');
  if (!bracket) die("EPSV: %s", c->line);
  int fd = connect_to(atoi(bracket + 4));
  if (fd < 0) die("data connection");
  return fd;
}

static SSL *protect_data(Control *c, int fd) {
  SSL *tls = SSL_new(tls_context);
  SSL_set_fd(tls, fd);
  SSL_SESSION *session = SSL_get1_session(c->tls);
  if (session && SSL_SESSION_is_resumable(session)) SSL_set_session(tls, session);
  int connected = SSL_connect(tls);
  if (session) SSL_SESSION_free(session);
  if (connected != 1) {
    ERR_print_errors_fp(stderr);
    die("TLS handshake of the data connection");
  }
  __sync_fetch_and_add(&data_handshakes, 1);
  if (SSL_session_reused(tls)) __sync_fetch_and_add(&data_resumed, 1);
  return tls;
}

/* Walks the record headers and drops the payloads; a short last record is the close_notify. */
static long drop_records(int fd) {
  long total = 0;
  unsigned char header[5];
  static char nowhere[32768];
  for (;;) {
    ssize_t got = recv(fd, header, sizeof header, MSG_PEEK | MSG_WAITALL);
    if (got < 0) return -1;
    if (got < (ssize_t)sizeof header) return total;
    long left = 5 + (header[3] << 8 | header[4]);
    int closing = header[0] == 21 || (header[0] == 23 && left <= 5 + 19);
    if (!closing) total += left;
    while (left > 0) {
      got = recv(fd, nowhere, left, MSG_TRUNC | MSG_WAITALL);
      if (got <= 0) return total;
      left -= got;
    }
    if (closing) return total;
  }
}

/* Bytes until the end of the data; -1 where it broke. */
static long drain(int fd, SSL *tls, long *lines) {
  if (!sink) sink = mmap(0, SINK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (tls && !decrypts && !lines) return drop_records(fd);
  long total = 0;
  for (;;) {
    long got;
    poll_briefly(fd);
    if (tls) got = SSL_read(tls, sink, 262144);
    else if (lines) got = recv(fd, sink, 262144, 0);
    else got = recv(fd, sink, SINK_BYTES, MSG_TRUNC);
    if (got < 0 && !tls) return -1;
    if (got <= 0) return total;
    if (lines) {
      for (char *at = sink, *end = sink + got; (at = memchr(at, '\n', end - at)); at++) ++*lines;
    }
    total += got;
  }
}

static void expect_start(Control *c, const char *verb) {
  int code = read_reply(c);
  if (code != 150 && code != 125) die("%s: %s", verb, c->line);
}

static void expect_end(Control *c, const char *verb) {
  int code = read_reply(c);
  if (code != 226 && code != 250) die("%s, at the end: %s", verb, c->line);
}

/* `started` is set when the command goes out: the data connection is there by then. */
static long fetch(Control *c, const char *verb, const char *path, long *lines, double *started) {
  int fd = open_data(c);
  *started = now();
  if (send_command(c, "%s %s", verb, path) <= 0) die("%s", verb);
  SSL *tls = options.tls ? protect_data(c, fd) : NULL;
  expect_start(c, verb);
  long bytes = drain(fd, tls, lines);
  if (bytes < 0) die("%s: data connection broke", verb);
  if (tls) {
    SSL_shutdown(tls);
    SSL_free(tls);
  }
  close(fd);
  expect_end(c, verb);
  return bytes;
}

static void send_all(int fd, const char *bytes, size_t length) {
  while (length) {
    ssize_t sent = send(fd, bytes, length > 4 * MIB ? 4 * MIB : length, MSG_NOSIGNAL);
    if (sent <= 0) die("STOR: data connection broke");
    bytes += sent;
    length -= sent;
  }
}

static void send_encrypted_beforehand(int fd, SSL *tls, size_t size, double *started) {
  size_t room = size + size / 256 + MIB, length = 0;
  char *records = mmap(0, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  BIO *memory = BIO_new(BIO_s_mem());
  SSL_set0_wbio(tls, memory);
  for (size_t done = 0; done < size;) {
    size_t part = size - done > MIB ? MIB : size - done;
    if (SSL_write(tls, source + done % SOURCE_BYTES, part) <= 0) die("encryption");
    done += part;
    if (done == size) SSL_shutdown(tls);
    char *bytes;
    long made = BIO_get_mem_data(memory, &bytes);
    memcpy(records + length, bytes, made);
    length += made;
    (void)BIO_reset(memory);
  }
  *started = now();
  send_all(fd, records, length);
  munmap(records, room);
}

static void send_small_tls(SSL *tls, size_t size) {
  if (size > 0 && SSL_write(tls, source, size) <= 0) die("STOR: data connection broke");
  SSL_shutdown(tls);
}

static void send_plain(int fd, size_t size) {
  for (size_t done = 0; done < size;) {
    off_t at = done % SOURCE_BYTES;
    size_t part = SOURCE_BYTES - at;
    if (part > size - done) part = size - done;
    ssize_t sent = sendfile(fd, source_fd, &at, part);
    if (sent <= 0) die("STOR: data connection broke");
    done += sent;
  }
}

static void store(Control *c, const char *path, size_t size, double *started) {
  int fd = open_data(c);
  *started = now();
  if (send_command(c, "STOR %s", path) <= 0) die("STOR");
  SSL *tls = options.tls ? protect_data(c, fd) : NULL;
  expect_start(c, "STOR");
  if (!tls) send_plain(fd, size);
  else if (size > SMALL_UPLOAD) send_encrypted_beforehand(fd, tls, size, started);
  else send_small_tls(tls, size);
  shutdown(fd, SHUT_WR);
  expect_end(c, "STOR");
  if (tls) SSL_free(tls);
  close(fd);
}

/* ---- operations: what one thread does ---- */

static void note_latency(Thread *t, double seconds) {
  if (t->latencies < MAX_LATENCIES) t->latency_us[t->latencies++] = seconds * 1e6;
}

static void run_retr(Thread *t, Control *c) {
  char path[512];
  for (int i = 0; i < options.count; i++) {
    double started;
    const char *percent = strstr(options.file, "%d");
    if (percent) snprintf(path, sizeof path, "%.*s%d%s", (int)(percent - options.file), options.file, t->id, percent + 2);
    else snprintf(path, sizeof path, "%s", options.file);
    long bytes = fetch(c, "RETR", path, NULL, &started);
    if (bytes < (long)options.size) die("RETR of %s: only %ld bytes", path, bytes);
    if (i == 0 && options.threads == 1) t->start = started;
    t->bytes += bytes;
    t->ops++;
    note_latency(t, now() - started);
  }
}

static void run_stor(Thread *t, Control *c) {
  char path[512];
  for (int i = 0; i < options.count; i++) {
    double started;
    snprintf(path, sizeof path, "up/%s_%d_%d", options.tag, t->id, i);
    store(c, path, options.size, &started);
    if (i == 0 && options.threads == 1) t->start = started;
    t->bytes += options.size;
    t->ops++;
    note_latency(t, now() - started);
  }
}

static void run_small_retr(Thread *t, Control *c, double until) {
  while (now() < until) {
    double started, from = now();
    long bytes = fetch(c, "RETR", options.file, NULL, &started);
    if (bytes != (long)options.size) die("RETR of %s: %ld bytes", options.file, bytes);
    t->bytes += bytes;
    t->ops++;
    note_latency(t, now() - from);
  }
}

static void run_small_stor(Thread *t, Control *c, double until) {
  char path[512];
  for (int i = 0; now() < until; i++) {
    double started, from = now();
    snprintf(path, sizeof path, "up/%s_%d_%d", options.tag, t->id, i);
    store(c, path, options.size, &started);
    t->bytes += options.size;
    t->ops++;
    note_latency(t, now() - from);
  }
}

static void run_list(Thread *t, Control *c) {
  for (int i = 0; i < options.count; i++) {
    double started;
    long lines = 0;
    t->bytes = fetch(c, options.command, options.file, &lines, &started);
    if (lines < (long)options.size) die("%s: only %ld lines", options.command, lines);
    if (i == 0) t->start = started;
    t->lines = lines;
    t->ops++;
    note_latency(t, now() - started);
  }
}

static void run_control(Thread *t, Control *c, double until) {
  char *batch = malloc(options.depth * (strlen(options.command) + 2) + 1);
  int length = 0;
  for (int i = 0; i < options.depth; i++) length += sprintf(batch + length, "%s\r\n", options.command);
  while (now() < until) {
    if (options.pause_ms) usleep(options.pause_ms * 1000);
    double from = now();
    if (control_write(c, batch, length) != length) die("%s", options.command);
    for (int i = 0; i < options.depth; i++) {
      int code = read_reply(c);
      if (code < 200 || code > 299) die("%s: %s", options.command, c->line);
    }
    t->ops += options.depth;
    note_latency(t, now() - from);
  }
  free(batch);
}

static void run_login(Thread *t, Control *c, double until) {
  while (now() < until) {
    double from = now();
    int failed = log_in(c);
    if (failed == 0 && ASK(c, "QUIT") != 221) failed = 8;
    hang_up(c);
    if (failed == 0) {
      t->ops++;
      note_latency(t, now() - from);
    } else if (++t->failures > MAX_FAILURES) {
      die("too many failed logins, the last at step %d: %s", failed, c->line);
    }
  }
}

static void open_idle(Thread *t) {
  for (int i = t->id; i < options.count; i += options.threads) {
    Control *c = calloc(1, sizeof *c);
    double from = now();
    int failed = log_in(c);
    if (failed) {
      if (++t->failures > MAX_FAILURES) die("too many failed logins, the last at step %d: %s", failed, c->line);
      continue;
    }
    idle_sessions[i] = c;
    t->ops++;
    note_latency(t, now() - from);
  }
}

static int is(const char *op) { return strcmp(options.op, op) == 0; }

static void *run_thread(void *argument) {
  Thread *t = argument;
  Control *c = calloc(1, sizeof *c);
  int needs_session = !is("idle") && !is("login");
  t->latency_us = malloc(MAX_LATENCIES * sizeof *t->latency_us);
  if (needs_session) {
    int failed = log_in(c);
    if (!failed) failed = prepare_transfers(c);
    if (failed) die("login failed at step %d: %s", failed, c->line);
  }
  pthread_barrier_wait(&all_ready);
  t->start = now();
  double until = t->start + options.seconds;
  if (is("retr")) run_retr(t, c);
  else if (is("stor")) run_stor(t, c);
  else if (is("small-retr")) run_small_retr(t, c, until);
  else if (is("small-stor")) run_small_stor(t, c, until);
  else if (is("list")) run_list(t, c);
  else if (is("control")) run_control(t, c, until);
  else if (is("login")) run_login(t, c, until);
  else open_idle(t);
  t->end = now();
  if (needs_session) {
    send_command(c, "QUIT");
    hang_up(c);
  }
  free(c);
  return NULL;
}

/* ---- the run ---- */

static void parse_options(int count, char **values) {
  int option;
  while ((option = getopt(count, values, "o:p:u:w:f:c:t:n:k:i:d:s:g:T")) != -1) {
    switch (option) {
      case 'o': options.op = optarg; break;
      case 'p': options.port = atoi(optarg); break;
      case 'u': options.user = optarg; break;
      case 'w': options.password = optarg; break;
      case 'f': options.file = optarg; break;
      case 'c': options.command = optarg; break;
      case 't': options.threads = atoi(optarg); break;
      case 'n': options.count = atoi(optarg); break;
      case 'k': options.depth = atoi(optarg); break;
      case 'i': options.pause_ms = atoi(optarg); break;
      case 'd': options.seconds = atof(optarg); break;
      case 's': options.size = strtoull(optarg, NULL, 10); break;
      case 'g': options.tag = optarg; break;
      case 'T': options.tls = 1; break;
      default: exit(2);
    }
  }
}

static void prepare_source(void) {
  source_fd = memfd_create("source", MFD_CLOEXEC);
  if (source_fd < 0 || ftruncate(source_fd, SOURCE_BYTES)) die("memfd");
  source = mmap(0, SOURCE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, source_fd, 0);
  unsigned *words = (unsigned *)source, x = 1;
  for (size_t i = 0; i < SOURCE_BYTES / sizeof *words; i++) words[i] = x = x * 1664525u + 1013904223u;
}

static void prepare_tls(void) {
  tls_context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(tls_context, SSL_VERIFY_NONE, NULL);
  SSL_CTX_set_options(tls_context, SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_ciphersuites(tls_context, "TLS_AES_256_GCM_SHA384");
  SSL_CTX_set_cipher_list(tls_context, "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-AES256-GCM-SHA384");
}

static int by_value(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return x < y ? -1 : x > y;
}

static void print_result(Thread *threads) {
  Thread sum = {.start = 1e300};
  float *all = malloc((options.threads * (size_t)MAX_LATENCIES + 1) * sizeof *all);
  for (int i = 0; i < options.threads; i++) {
    Thread *t = threads + i;
    if (t->start < sum.start) sum.start = t->start;
    if (t->end > sum.end) sum.end = t->end;
    memcpy(all + sum.latencies, t->latency_us, t->latencies * sizeof *all);
    sum.latencies += t->latencies;
    sum.ops += t->ops;
    sum.bytes += t->bytes;
    sum.lines += t->lines;
    sum.failures += t->failures;
  }
  qsort(all, sum.latencies, sizeof *all, by_value);
  double seconds = sum.end - sum.start;
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  double cpu = usage.ru_utime.tv_sec + usage.ru_stime.tv_sec + (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6;
  printf("{\"seconds\":%.6f,\"ops\":%ld,\"bytes\":%ld,\"lines\":%ld,\"failures\":%ld,\"p50us\":%.1f,\"p99us\":%.1f,\"maxUs\":%.1f,"
         "\"clientCpuSeconds\":%.3f,\"tls\":\"%s\",\"dataHandshakes\":%ld,\"dataResumed\":%ld}\n",
         seconds, sum.ops, sum.bytes, sum.lines, sum.failures, sum.latencies ? all[sum.latencies / 2] : 0.0,
         sum.latencies ? all[(long)(sum.latencies * 0.99)] : 0.0,
         sum.latencies ? all[sum.latencies - 1] : 0.0, cpu, negotiated, data_handshakes, data_resumed);
  fflush(stdout);
}

/* The sessions stay open until a line comes in on standard input; then each has to answer once more. */
static void hold_idle(void) {
  char line[16];
  long alive = 0;
  if (!fgets(line, sizeof line, stdin)) return;
  for (int i = 0; i < options.count; i++) {
    if (idle_sessions[i] && ASK(idle_sessions[i], "NOOP") == 200) alive++;
  }
  printf("{\"alive\":%ld}\n", alive);
  for (int i = 0; i < options.count; i++) {
    if (!idle_sessions[i]) continue;
    send_command(idle_sessions[i], "QUIT");
    hang_up(idle_sessions[i]);
  }
}

int main(int count, char **values) {
  parse_options(count, values);
  signal(SIGPIPE, SIG_IGN);
  struct rlimit files = {20000, 20000};
  setrlimit(RLIMIT_NOFILE, &files);
  prepare_tls();
  prepare_source();
  decrypts = is("small-retr");
  polls = options.threads == 1 && (is("small-retr") || is("small-stor") || is("control") || is("login"));
  if (is("idle")) idle_sessions = calloc(options.count, sizeof *idle_sessions);
  pthread_t *handles = calloc(options.threads, sizeof *handles);
  Thread *threads = calloc(options.threads, sizeof *threads);
  pthread_barrier_init(&all_ready, NULL, options.threads);
  for (int i = 0; i < options.threads; i++) {
    threads[i].id = i;
    pthread_create(handles + i, NULL, run_thread, threads + i);
  }
  for (int i = 0; i < options.threads; i++) pthread_join(handles[i], NULL);
  print_result(threads);
  if (is("idle")) hold_idle();
  return 0;
}
