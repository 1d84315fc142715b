/* Preloaded into every process that DMTCP carries, before DMTCP's own library. DMTCP (4.2.0 and 5.0 alike) names each open file by the
 * process that opened it and a number; but between fork and exec it does not know yet which process it is in, and puts zeroes there.
 * So what the children of one shell open first ("( ./step 1; ./step 2 ) > out.1 &", and the same for out.2) has the same name in
 * each of them; at a restart, where one process hands an open file to those that share it, each of them hands its own to all, and the
 * restart ends, hangs, or goes on with one's output in the other's file. Here is the answer that DMTCP has a moment later.
 *
 * C alone, and nothing of it is called before DMTCP's library is there: it is carried inside ckpt-runner. */
#include <stdbool.h>
#include <stdint.h>

struct process_id { /* DmtcpUniqueProcessId of dmtcp.h */
  uint64_t host;
  uint64_t time;
  int32_t pid;
  uint32_t generation;
};

/* dmtcp::UniquePid::ThisProcess(bool quiet), of libdmtcp.so. */
extern struct process_id* _ZN5dmtcp9UniquePid11ThisProcessEb(bool quiet) __attribute__((weak));

struct process_id dmtcp_get_uniquepid(void);
struct process_id dmtcp_get_uniquepid(void) {
  static const struct process_id unknown;
  return _ZN5dmtcp9UniquePid11ThisProcessEb ? *_ZN5dmtcp9UniquePid11ThisProcessEb(true) : unknown;
}
