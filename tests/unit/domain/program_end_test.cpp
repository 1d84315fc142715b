#include "core/domain/program_end.hpp"

#include <doctest/doctest.h>

using namespace ckpt;

namespace {

ProgramEnd by_code(int code) {
  ProgramEnd end;
  end.status_known = true;
  end.code = code;
  return end;
}

ProgramEnd by_signal(int signal) {
  ProgramEnd end;
  end.status_known = true;
  end.signal = signal;
  return end;
}

void check(const ProgramEnd& end, EndReason reason, bool is_result, bool requeue) {
  const ProgramVerdict verdict = judge_program_end(end);
  CHECK(word(verdict.reason) == word(reason));
  CHECK(verdict.is_result == is_result);
  CHECK(verdict.requeue == requeue);
}

} // namespace

TEST_CASE("a program's own end is the job's") {
  check(by_code(0), EndReason::completed, true, false);
  check(by_code(7), EndReason::failed, true, false);
  check(by_signal(11), EndReason::failed, true, false);
  check(by_signal(6), EndReason::failed, true, false);
}

TEST_CASE("killed from outside is an interruption, by whichever way it is told") {
  check(by_signal(9), EndReason::interrupted, false, true);
  check(by_code(137), EndReason::interrupted, false, true);
  check(by_code(143), EndReason::failed, true, false); // TERM can be a program's own way to end
}

TEST_CASE("a crash within seconds of a restart is tried again; later it is the program's own") {
  for (const int signal : {4, 7, 11, 31}) {
    ProgramEnd end = by_signal(signal);
    check(end, EndReason::failed, true, false); // launched, not restarted
    end.since_restart = seconds{2};
    check(end, EndReason::interrupted, false, true);
    end.since_restart = seconds{11};
    check(end, EndReason::failed, true, false);
    end = by_code(128 + signal); // as a shell tells it
    end.since_restart = seconds{2};
    check(end, EndReason::interrupted, false, true);
  }
  for (const int code :
       {1, 7, 127, 134, 143}) { // an exit, and an abort, are the program's own words
    ProgramEnd end = by_code(code);
    end.since_restart = milliseconds{100};
    check(end, EndReason::failed, true, false);
  }
}

TEST_CASE("killed for memory is told apart, and not tried again with the same memory") {
  ProgramEnd end = by_signal(9);
  end.out_of_memory = true;
  check(end, EndReason::out_of_memory, false, false);
  end = by_code(137);
  end.out_of_memory = true;
  check(end, EndReason::out_of_memory, false, false);
  end = by_code(3); // something else of the allocation was killed; the program has its own end
  end.out_of_memory = true;
  check(end, EndReason::failed, true, false);
}

TEST_CASE("after TERM, or fenced, only success is believed") {
  for (ProgramEnd end : {by_code(0), by_code(143), by_signal(9), by_signal(15)}) {
    const bool success = end.code == 0;
    end.term = EndReason::preempted;
    check(end, success ? EndReason::completed : EndReason::preempted, success, false);
    end.term.reset();
    end.fenced = true;
    check(end, success ? EndReason::completed : EndReason::fenced, success, false);
  }
}

TEST_CASE("an engine that broke is no result") {
  check(ProgramEnd{}, EndReason::interrupted, false, true);
}

TEST_CASE("a program that dies of a signal around a checkpoint that failed was broken by it") {
  ProgramEnd end = by_signal(13);
  end.since_broken_checkpoint = seconds{0};
  check(end, EndReason::interrupted, false, true);
  end.since_broken_checkpoint = seconds{9};
  check(end, EndReason::interrupted, false, true);
  end.since_broken_checkpoint = seconds{11};
  check(end, EndReason::failed, true, false);
  end = by_code(7);
  end.since_broken_checkpoint = seconds{0};
  check(end, EndReason::failed, true, false);
  end = by_code(141); // a shell's word for it
  end.since_broken_checkpoint = seconds{0};
  check(end, EndReason::interrupted, false, true);
}
