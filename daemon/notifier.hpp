#pragma once

#include "daemon/messenger.hpp"
#include "daemon/reconciler.hpp"

#include <functional>
#include <map>
#include <optional>
#include <tuple>

namespace ckpt::daemon {

struct NotifySettings {
  Duration first_retry = minutes{1}; ///< doubles up to `last_retry`
  Duration last_retry = hours{1};
  Duration patience = hours{24}; ///< since the change; then it is given up, and the job says so
};

/// Tells people what the jobs' books of notices say they are to be told: each is delivered, and
/// then written down as told. What cannot be delivered is tried again, later and later. Loop thread
/// only; blocking work is done by the executor.
class Notifier {
public:
  using View = std::function<Result<api::JobView>(JobId)>;
  /// `executor`: for the messenger alone, so that a slow mail program keeps no query waiting.
  Notifier(Reconciler& reconciler,
           Executor& executor,
           Messenger& messenger,
           View view,
           NotifySettings settings = {});

  void tick();
  bool busy() const; ///< somebody is still to be told of something

private:
  using Key = std::tuple<JobId, std::int64_t, store::NoticeWay>;
  struct Delivery {
    int tries = 0;
    bool under_way = false;
    bool done = false; ///< but not written down yet
    std::optional<MonoTime> again_at;
  };

  bool know_site();
  void deliver(LiveJob& job, const Notice& notice, store::NoticeWay way);
  Result<Message> message_of(const LiveJob& job, const Notice& notice, store::NoticeWay way);
  void answered(const Key& key, const std::string& to, const Status& status);
  void settle(LiveJob& job, const Key& key, store::JobEventKind kind, const std::string& reason);
  Duration pause(int tries) const;
  MonoTime now() const { return reconciler_.ports().clock.monotonic(); }

  Reconciler& reconciler_;
  Executor& executor_;
  Messenger& messenger_;
  View view_;
  NotifySettings settings_;
  std::map<Key, Delivery> deliveries_;
  std::optional<scheduler::MailSite> site_;
  bool asking_site_ = false;
  std::optional<MonoTime> ask_site_at_;
};

} // namespace ckpt::daemon
