#include "client/cli_impl.hpp"
#include "core/base/strings.hpp"
#include "core/domain/time_limit.hpp"

namespace ckpt::client {

std::shared_ptr<Verb::Impl> make_verb(CLI::App& parent,
                                      const std::shared_ptr<Shared>& shared,
                                      const std::string& name,
                                      const std::string& help) {
  auto impl = std::make_shared<Verb::Impl>();
  impl->app = parent.add_subcommand(name, help);
  impl->shared = shared;
  impl->app->add_flag("--json", shared->json, "One JSON value on standard output")
      ->group("General");
  add_cluster_option(*impl->app, *shared);
  impl->app->get_help_ptr()->group("General");
  return impl;
}

std::string full_name(const Verb::Impl& verb) {
  const CLI::App* parent = verb.app->get_parent();
  const std::string above = parent == nullptr || parent->get_name() == "ckpt"
                                ? "ckpt "
                                : "ckpt " + parent->get_name() + " ";
  return above + verb.app->get_name();
}

const std::string& Verb::name() const {
  return impl_->app->get_name();
}

Verb& Verb::group(const std::string& title) {
  impl_->group = title;
  return *this;
}

Verb& Verb::flag(const std::string& names, bool& target, const std::string& help) {
  impl_->app->add_flag(names, target, help)->group(impl_->group);
  return *this;
}

Verb& Verb::taking(const std::string& names,
                   Taker taker,
                   const std::string& value,
                   const std::string& help,
                   bool value_optional) {
  const std::string shown = split(names, ',').back();
  CLI::callback_t callback = [taker = std::move(taker), shown](const CLI::results_t& results) {
    for (const std::string& result : results) {
      if (auto wrong = taker(result)) {
        throw CLI::ValidationError(shown, *wrong);
      }
    }
    return true;
  };
  auto* option = impl_->app->add_option(names, std::move(callback), help);
  option->type_name(value)->type_size(1)->group(impl_->group);
  option->expected(value_optional ? 0 : 1, 1)->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  return *this;
}

Verb& Verb::marking(const std::string& names,
                    std::function<void()> callback,
                    const std::string& help) {
  impl_->app->add_flag_callback(names, std::move(callback), help)->group(impl_->group);
  return *this;
}

Verb& Verb::text(const std::string& names,
                 std::optional<std::string>& target,
                 const std::string& value,
                 const std::string& help) {
  return taking(
      names,
      [&target](const std::string& given) {
        target = given;
        return std::nullopt;
      },
      value,
      help);
}

Verb& Verb::texts(const std::string& names,
                  std::vector<std::string>& target,
                  const std::string& value,
                  const std::string& help) {
  return taking(
      names,
      [&target](const std::string& given) {
        target.push_back(given);
        return std::nullopt;
      },
      value,
      help);
}

Verb& Verb::number(const std::string& names,
                   std::optional<int>& target,
                   int lowest,
                   const std::string& help) {
  return taking(
      names,
      [&target, lowest](const std::string& given) -> std::optional<std::string> {
        constexpr std::size_t kDigits = 9;
        if (given.empty() || given.size() > kDigits ||
            given.find_first_not_of("0123456789") != std::string::npos ||
            std::stoi(given) < lowest) {
          return "'" + given + "' is not a whole number from " + std::to_string(lowest);
        }
        target = std::stoi(given);
        return std::nullopt;
      },
      "N",
      help);
}

Verb& Verb::duration(const std::string& names,
                     std::optional<Duration>& target,
                     const std::string& help) {
  return span(names, target, &parse_duration, "D", help);
}

Verb& Verb::time_limit(const std::string& names,
                       std::optional<Duration>& target,
                       const std::string& help) {
  return span(names, target, &parse_time_limit, "TIME", help);
}

Verb& Verb::span(const std::string& names,
                 std::optional<Duration>& target,
                 Result<Duration> (*parse)(std::string_view),
                 const std::string& value,
                 const std::string& help) {
  return taking(
      names,
      [&target, parse](const std::string& given) -> std::optional<std::string> {
        const auto duration = parse(given);
        if (!duration) {
          const Error& error = duration.error();
          return error.advice.empty() ? error.message : error.message + "; " + error.advice;
        }
        target = *duration;
        return std::nullopt;
      },
      value,
      help);
}

Verb& Verb::argument(const std::string& name, std::string& target, const std::string& help) {
  impl_->app->add_option(name, target, help)->required()->type_name("");
  return *this;
}

Verb& Verb::optional_argument(const std::string& name,
                              std::string& target,
                              const std::string& help) {
  impl_->app->add_option(name, target, help)->type_name("");
  return *this;
}

Verb& Verb::arguments(const std::string& name,
                      std::vector<std::string>& target,
                      const std::string& help) {
  impl_->app->add_option(name, target, help)->type_name("");
  return *this;
}

Verb& Verb::program(std::vector<std::string>& argv) {
  impl_->program = &argv;
  return *this;
}

Verb& Verb::script(std::vector<std::string>& argv) {
  impl_->program = &argv;
  impl_->bare_program = true;
  return *this;
}

Verb& Verb::footer(const std::string& text) {
  impl_->app->footer(text);
  return *this;
}

Verb& Verb::hidden() {
  impl_->app->group("");
  return *this;
}

Verb Verb::verb(const std::string& name, const std::string& help) {
  impl_->app->require_subcommand(1);
  impl_->children.push_back(make_verb(*impl_->app, impl_->shared, name, help));
  return Verb(impl_->children.back());
}

void Verb::runs(std::function<int(Session&)> action) {
  impl_->app->callback([shared = impl_->shared, action = std::move(action)] {
    if (!shared->action) {
      shared->action = action;
    }
  });
}

} // namespace ckpt::client
