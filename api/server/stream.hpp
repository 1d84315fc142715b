#pragma once

#include "core/domain/time.hpp"

#include <httplib.h>

#include <string>

namespace ckpt::api {

/// One accepted connection, with what the library does not limit: bytes and time of the header
/// block, time of the body, time of the answer. One thread; the descriptor stays the caller's.
class LimitedStream : public httplib::Stream {
public:
  /// `received`: what has come already. `more_comes`: false when nothing else is to be waited for
  /// until the headers end, because they never will.
  LimitedStream(int fd, std::size_t header_bytes, std::string received, bool more_comes);

  bool is_readable() const override;
  bool is_writable() const override;
  ssize_t read(char* ptr, std::size_t size) override;
  ssize_t write(const char* ptr, std::size_t size) override;
  void get_remote_ip_and_port(std::string& ip, int& port) const override;
  void get_local_ip_and_port(std::string& ip, int& port) const override;
  socket_t socket() const override { return fd_; }

  bool headers_too_large() const { return headers_too_large_; }
  /// So that the answer is not lost to a reset: ends our side and reads what the client still
  /// sends, for a moment.
  void linger();

private:
  bool fill();
  bool wait_for(short events, std::chrono::steady_clock::time_point deadline) const;
  void note_header_byte(char c);

  int fd_;
  std::size_t header_bytes_left_;
  bool in_headers_ = true;
  bool line_is_empty_ = false;
  bool headers_too_large_ = false;
  std::chrono::steady_clock::time_point read_deadline_;
  std::string buffer_;
  std::size_t begin_ = 0;
  bool more_comes_;
};

} // namespace ckpt::api
