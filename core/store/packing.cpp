// zstd in both directions, as streams.

#include "core/store/content.hpp"

#include <zstd.h>

#include <memory>
#include <string>
#include <vector>

namespace ckpt::store {

namespace {

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

tl::unexpected<Error> corrupt(const std::string& why) {
  return fail(ErrorClass::failed, "corrupt_data", why);
}

/// Feeds one piece to the packer, or ends the frame with an empty last one.
Status feed(ZSTD_CCtx* context,
            std::string_view bytes,
            bool last,
            std::vector<char>& buffer,
            OutputFile& to) {
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  while (true) {
    ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
    const std::size_t left =
        ZSTD_compressStream2(context, &out, &in, last ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) {
      return fail(ErrorClass::failed, "zstd_failed", ZSTD_getErrorName(left));
    }
    if (const Status written = to.write({buffer.data(), out.pos}); !written) {
      return written;
    }
    if (last ? left == 0 : in.pos == in.size) {
      return {};
    }
  }
}

class Unpacker {
public:
  Unpacker(std::uint64_t most_bytes, const Sink& sink)
      : context_(ZSTD_createDCtx()), buffer_(ZSTD_DStreamOutSize()), most_(most_bytes),
        sink_(sink) {}

  Status take(std::string_view bytes) {
    ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
    bool more = true;
    while (more) {
      ZSTD_outBuffer out{buffer_.data(), buffer_.size(), 0};
      left_ = ZSTD_decompressStream(context_.get(), &out, &in);
      if (ZSTD_isError(left_) != 0) {
        return corrupt(ZSTD_getErrorName(left_));
      }
      hasher_.update({buffer_.data(), out.pos});
      result_.bytes += out.pos;
      if (result_.bytes > most_) {
        return corrupt("more comes out of it than was sealed");
      }
      if (const Status sunk = sink_ ? sink_({buffer_.data(), out.pos}) : Status{}; !sunk) {
        return sunk;
      }
      more = in.pos < in.size || (left_ != 0 && out.pos == out.size);
    }
    return {};
  }

  Result<FileHash> finish() {
    if (left_ != 0) {
      return corrupt("it ends too early");
    }
    result_.hash = hasher_.hex();
    return result_;
  }

private:
  std::unique_ptr<ZSTD_DCtx, FreeContext> context_;
  std::vector<char> buffer_;
  std::uint64_t most_;
  const Sink& sink_;
  Hasher hasher_;
  FileHash result_;
  std::size_t left_ = 1; // 0 only when a frame has ended
};

} // namespace

Result<FileHash> pack(const Path& raw, OutputFile& packed, int level, Meter& meter) {
  const auto fd = open_regular(raw);
  if (!fd) {
    return tl::unexpected(fd.error());
  }
  const std::unique_ptr<ZSTD_CCtx, FreeContext> context(ZSTD_createCCtx());
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1);
  std::vector<char> buffer(ZSTD_CStreamOutSize());
  const Sink sink = [&](std::string_view bytes) {
    return feed(context.get(), bytes, false, buffer, packed);
  };
  auto hash = hash_open_file(fd->get(), raw, meter, sink);
  if (!hash) {
    return hash;
  }
  if (const Status ended = feed(context.get(), {}, true, buffer, packed); !ended) {
    return tl::unexpected(ended.error());
  }
  return hash;
}

Result<FileHash> read_content(
    const Path& stored, StoredForm form, std::uint64_t most_bytes, Meter& meter, const Sink& sink) {
  const auto fd = open_regular(stored);
  if (!fd) {
    return tl::unexpected(fd.error());
  }
  if (form == StoredForm::raw) {
    return hash_open_file(fd->get(), stored, meter, sink);
  }
  Unpacker unpacker(most_bytes, sink);
  const auto read = hash_open_file(
      fd->get(), stored, meter, [&](std::string_view bytes) { return unpacker.take(bytes); });
  if (!read) {
    return tl::unexpected(read.error());
  }
  return unpacker.finish();
}

} // namespace ckpt::store
