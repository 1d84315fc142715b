#include "core/base/kill_point.hpp"
#include "core/store/job_folder.hpp"
#include "core/store/layout.hpp"
#include "core/store/records_json.hpp"

#include <nlohmann/json.hpp>

namespace ckpt::store {

namespace {

Path order_file(const Path& attempt, std::int64_t number) {
  return attempt / "orders" / (std::to_string(number) + ".json");
}

} // namespace

AttemptFolder::AttemptFolder(Path job_folder, AttemptId attempt)
    : path_(attempts_dir(job_folder) / attempt.str()), id_(attempt) {}

Result<bool> AttemptFolder::is_claimed() const {
  return is_there(claim_file(path_.parent_path().parent_path(), id_));
}

// On a full disk a new file cannot be made, but the old one's bytes can be written over: the
// program must not be frozen for that. Who reads it half-written cannot read it, and looks again.
Status AttemptFolder::renew_lease(const Lease& lease) const {
  const std::string text = dump_json(to_json(lease));
  const Path file = path_ / "lease";
  auto written = write_file_atomically(file, text);
  if (!written && written.error().code == "disk_full") {
    return overwrite_durably(file, text) ? Status{} : written;
  }
  return written;
}

Result<Lease> AttemptFolder::read_lease() const {
  return read_json_file<Lease>(path_ / "lease", lease_from_json);
}

Result<Order> AttemptFolder::give_order(Order order) const {
  if (const Status made = make_directories(path_ / "orders"); !made) {
    return tl::unexpected(made.error());
  }
  for (order.number = 1;; ++order.number) {
    const auto taken = is_there(order_file(path_, order.number));
    if (!taken) {
      return tl::unexpected(taken.error());
    }
    if (*taken) {
      continue;
    }
    kill_point("order.write");
    const Status written =
        create_file_exclusively(order_file(path_, order.number), dump_json(to_json(order)));
    if (written) {
      return order;
    }
    if (written.error().code != "file_exists") {
      return tl::unexpected(written.error());
    }
  }
}

Result<std::optional<Order>> AttemptFolder::read_order(std::int64_t number) const {
  const Path file = order_file(path_, number);
  auto order = read_json_file<Order>(file, order_from_json);
  if (!order && order.error().code == "no_such_file") {
    return std::optional<Order>();
  }
  if (!order) {
    return tl::unexpected(order.error());
  }
  if (order->number != number) {
    return fail(ErrorClass::failed,
                "damaged_file",
                file.string() + ": holds order " + std::to_string(order->number));
  }
  return std::optional(*std::move(order));
}

} // namespace ckpt::store
