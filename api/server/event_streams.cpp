#include "api/server/event_streams.hpp"

#include "api/codec.hpp"
#include "core/json/json.hpp"

#include <nlohmann/json.hpp>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

namespace ckpt::api {
namespace {

constexpr int kPage = 1000;
constexpr Duration kLook = milliseconds{500}; // after newcomers, and those who have left

std::string text_of(const EventView& event) {
  return "id: " + std::to_string(event.seq) + "\nevent: " + event.type +
         "\ndata: " + dump_json(to_json(event)) + "\n\n";
}

} // namespace

EventStreams::Counted::Counted(ServerCounts& counts) : counts_(counts) {
  ++counts_.connections;
  ++counts_.streams;
}

EventStreams::Counted::~Counted() {
  --counts_.connections;
  --counts_.streams;
}

EventStreams::EventStreams(UseCases& use_cases, Limits limits, ServerCounts& counts)
    : use_cases_(use_cases), limits_(limits), counts_(counts), thread_([this] { serve(); }) {}

EventStreams::~EventStreams() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

Result<EventStreams::Place> EventStreams::reserve(std::optional<std::int64_t> after,
                                                  const std::optional<std::string>& job) {
  if (counts_.streams >= limits_.streams) {
    return fail(ErrorClass::timed_out,
                "too_many_waiting",
                "too many event streams are open already",
                "Close other dashboards, or poll `/v1/events?after=…`.",
                Outcome::retryable);
  }
  Place place;
  if (job) {
    const auto view = use_cases_.get_job(*job);
    if (!view) {
      return tl::unexpected(view.error());
    }
    place.job = view->id;
  }
  if (after) {
    place.after = *after;
    return place;
  }
  const auto now = use_cases_.events({});
  if (!now) {
    return tl::unexpected(now.error());
  }
  place.after = now->last_seq;
  return place;
}

void EventStreams::admit(const Place& place, Fd connection) {
  Client client{place,
                std::move(connection),
                "retry: 2000\n\n",
                std::chrono::steady_clock::now(),
                std::make_unique<Counted>(counts_)};
  {
    const std::lock_guard lock(mutex_);
    newcomers_.push_back(std::move(client));
  }
  changed_.notify_all();
}

/// False: it is over.
bool EventStreams::take_in_newcomers() {
  std::list<Client> newcomers;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return stopping_ || !newcomers_.empty() || !clients_.empty(); });
    if (stopping_) {
      return false;
    }
    newcomers.swap(newcomers_);
  }
  newcomers.remove_if([this](Client& client) { return !catch_up(client); });
  clients_.splice(clients_.end(), newcomers);
  return true;
}

void EventStreams::serve() {
  while (take_in_newcomers()) {
    std::int64_t after = clients_.empty() ? 0 : clients_.front().place.after;
    for (const Client& client : clients_) {
      after = std::min(after, client.place.after);
    }
    if (!clients_.empty()) {
      EventFilter filter;
      filter.after = after;
      filter.wait = kLook;
      filter.limit = kPage;
      const auto page = use_cases_.events(filter);
      clients_.remove_if([&](Client& client) { return !feed(client, page.value_or(EventPage{})); });
      if (!page) { // the daemon ends, or is busy: not a loop that spins
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, kLook, [this] { return stopping_; });
      }
    }
  }
}

/// What has happened since the client's place. False: it is gone.
bool EventStreams::catch_up(Client& client) const {
  for (;;) {
    EventFilter filter;
    filter.after = client.place.after;
    filter.limit = kPage;
    const auto page = use_cases_.events(filter);
    if (!page || page->items.empty()) {
      return send(client);
    }
    if (!feed(client, *page)) {
      return false;
    }
  }
}

/// False: it is gone, or too slow.
bool EventStreams::feed(Client& client, const EventPage& page) const {
  for (const EventView& event : page.items) {
    if (event.seq <= client.place.after) {
      continue;
    }
    client.place.after = event.seq;
    if (!client.place.job || event.job == client.place.job) {
      client.unsent += text_of(event);
    }
  }
  const auto now = std::chrono::steady_clock::now();
  if (client.unsent.empty() && now - client.sent_at >= limits_.heartbeat) {
    client.unsent = ": still here\n\n";
  }
  return send(client) && client.unsent.size() <= limits_.unsent_bytes;
}

bool EventStreams::send(Client& client) const {
  char byte = 0;
  if (::recv(client.connection.get(), &byte, 1, MSG_DONTWAIT | MSG_PEEK) == 0) {
    return false;
  }
  while (!client.unsent.empty()) {
    const ssize_t sent = ::send(client.connection.get(),
                                client.unsent.data(),
                                client.unsent.size(),
                                MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) {
      return errno == EAGAIN || errno == EINTR;
    }
    client.unsent.erase(0, static_cast<std::size_t>(sent));
    client.sent_at = std::chrono::steady_clock::now();
  }
  return true;
}

} // namespace ckpt::api
