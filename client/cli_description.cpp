#include "client/cli_impl.hpp"
#include "client/help_text.hpp"

namespace ckpt::client {
namespace {

VerbDescription::Option describe(const CLI::Option& option) {
  VerbDescription::Option out;
  for (const std::string& name : option.get_snames()) {
    out.names.push_back("-" + name);
  }
  for (const std::string& name : option.get_lnames()) {
    out.names.push_back("--" + name);
  }
  out.value = option.get_items_expected_max() == 0 ? "" : option.get_type_name();
  out.help = option.get_description();
  out.group = option.get_group();
  return out;
}

VerbDescription describe(const Verb::Impl& verb) {
  VerbDescription out;
  out.name = verb.app->get_name();
  out.help = verb.app->get_description();
  out.takes_program = verb.program != nullptr;
  out.footer = verb.app->get_footer();
  for (const CLI::Option* option : static_cast<const CLI::App*>(verb.app)->get_options()) {
    if (option->get_positional()) {
      out.arguments.emplace_back(option->get_name(true), option->get_description());
    } else {
      out.options.push_back(describe(*option));
    }
  }
  for (const auto& child : verb.children) {
    out.verbs.push_back(describe(*child));
  }
  return out;
}

} // namespace

VerbDescription Cli::describe_itself() const {
  VerbDescription out;
  out.name = impl_->app.get_name();
  out.help = impl_->app.get_description();
  const CLI::App& app = impl_->app;
  for (const CLI::Option* option : app.get_options()) {
    out.options.push_back(client::describe(*option));
  }
  return out;
}

std::vector<VerbDescription> Cli::describe() const {
  std::vector<VerbDescription> out;
  for (const auto& verb : impl_->verbs) {
    if (!verb->app->get_group().empty()) { // else it is hidden
      out.push_back(client::describe(*verb));
    }
  }
  return out;
}

} // namespace ckpt::client
