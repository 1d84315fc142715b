/* Preloaded into DMTCP's coordinator, which asks nobody who they are: a connection over loopback is kept only when the socket at
 * its other end belongs to our own user. The kernel tells (sock_diag(7), else /proc/net/tcp); a socket that nobody holds any more
 * counts as a stranger's, since its owner can no longer be told. Where neither can tell, the connection is kept and the log says so.
 *
 * C and libc only: it is carried inside ckpt-runner and written out where a coordinator is started. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum owner { ours, strangers, nobody_can_tell };

static void say(const char* text, unsigned long uid) {
  char line[120];
  const int length = snprintf(line, sizeof line, "ckpt-guard: %s %lu\n", text, uid);
  if (length > 0 && write(2, line, (size_t)length) < 0) {
    return; /* nobody is left to be told */
  }
}

__attribute__((constructor)) static void show_that_we_are_here(void) {
  say("stands at the door for user", geteuid());
}

static enum owner judge(unsigned uid, unsigned long inode, unsigned* found) {
  *found = inode == 0 ? (unsigned)-1 : uid;
  return inode != 0 && uid == geteuid() ? ours : strangers;
}

/* The other end's own socket: its source is our peer. */
static enum owner ask_kernel(const struct sockaddr_in* here, const struct sockaddr_in* there, unsigned* uid) {
  struct {
    struct nlmsghdr header;
    struct inet_diag_req_v2 request;
  } question;
  char answer[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
  const struct timeval patience = {.tv_sec = 2, .tv_usec = 0};
  enum owner result = nobody_can_tell;
  const int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
  if (fd < 0) {
    return nobody_can_tell;
  }
  memset(&question, 0, sizeof question);
  question.header.nlmsg_len = sizeof question;
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  question.request.sdiag_family = AF_INET;
  question.request.sdiag_protocol = IPPROTO_TCP;
  question.request.idiag_states = ~0U;
  question.request.id.idiag_sport = there->sin_port;
  question.request.id.idiag_dport = here->sin_port;
  question.request.id.idiag_src[0] = there->sin_addr.s_addr;
  question.request.id.idiag_dst[0] = here->sin_addr.s_addr;
  question.request.id.idiag_cookie[0] = INET_DIAG_NOCOOKIE;
  question.request.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (send(fd, &question, sizeof question, 0) == (ssize_t)sizeof question) {
    const ssize_t got = recv(fd, answer, sizeof answer, 0);
    const struct nlmsghdr* header = (const struct nlmsghdr*)answer;
    if (got > 0 && NLMSG_OK(header, (size_t)got)) {
      if (header->nlmsg_type == SOCK_DIAG_BY_FAMILY && header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct inet_diag_msg))) {
        const struct inet_diag_msg* found = NLMSG_DATA(header);
        /* An exact one only: a listener on that port is not the other end. */
        const unsigned long inode = found->id.idiag_dport == here->sin_port ? found->idiag_inode : 0;
        result = judge(found->idiag_uid, inode, uid);
      } else if (header->nlmsg_type == NLMSG_ERROR && header->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)) &&
                 ((const struct nlmsgerr*)NLMSG_DATA(header))->error == -ENOENT) {
        /* No such socket, or no such service in this kernel: the table tells them apart. */
        result = nobody_can_tell;
      }
    }
  }
  close(fd);
  return result;
}

static enum owner ask_table(const struct sockaddr_in* here, const struct sockaddr_in* there, unsigned* uid) {
  char line[300];
  enum owner result = nobody_can_tell;
  FILE* table = fopen("/proc/net/tcp", "re");
  if (table == NULL) {
    return nobody_can_tell;
  }
  if (fgets(line, sizeof line, table) != NULL) {
    result = strangers; /* the table can be read: who is not in it has gone */
    *uid = (unsigned)-1;
    while (fgets(line, sizeof line, table) != NULL) {
      unsigned from = 0, from_port = 0, to = 0, to_port = 0, owner = 0;
      unsigned long inode = 0;
      if (sscanf(line, " %*d: %X:%X %X:%X %*X %*s %*s %*s %u %*d %lu", &from, &from_port, &to, &to_port, &owner, &inode) == 6 &&
          from == there->sin_addr.s_addr && from_port == ntohs(there->sin_port) && to == here->sin_addr.s_addr &&
          to_port == ntohs(here->sin_port)) {
        result = judge(owner, inode, uid);
        break;
      }
    }
  }
  fclose(table);
  return result;
}

static enum owner owner_of_other_end(int fd, unsigned* uid) {
  struct sockaddr_in here, there;
  socklen_t size = sizeof here;
  enum owner result;
  *uid = (unsigned)-1;
  if (getsockname(fd, (struct sockaddr*)&here, &size) != 0 || here.sin_family != AF_INET) {
    return nobody_can_tell;
  }
  size = sizeof there;
  if (getpeername(fd, (struct sockaddr*)&there, &size) != 0) {
    return strangers; /* gone already */
  }
  if ((ntohl(here.sin_addr.s_addr) >> 24) != 127) {
    return nobody_can_tell; /* from another machine: DMTCP's own way over several nodes */
  }
  result = ask_kernel(&here, &there, uid);
  return result == nobody_can_tell ? ask_table(&here, &there, uid) : result;
}

int accept(int listener, __SOCKADDR_ARG address, socklen_t* restrict length) {
  typedef int (*accept_function)(int, struct sockaddr*, socklen_t*);
  static accept_function real;
  static int told;
  unsigned uid = 0;
  int fd;
  if (real == NULL) {
    *(void**)&real = dlsym(RTLD_NEXT, "accept");
  }
  fd = real(listener, address.__sockaddr__, length);
  if (fd < 0) {
    return fd;
  }
  switch (owner_of_other_end(fd, &uid)) {
    case ours:
      return fd;
    case nobody_can_tell:
      if (!told) {
        told = 1;
        say("cannot tell who connects; first on descriptor", (unsigned long)fd);
      }
      return fd;
    case strangers:
      break;
  }
  close(fd);
  if (uid == (unsigned)-1) {
    say("turned away one that was gone, descriptor", (unsigned long)fd);
  } else {
    say("turned away user", uid);
  }
  errno = ECONNABORTED;
  return -1;
}
