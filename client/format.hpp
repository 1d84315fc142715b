#pragma once

#include "api/views.hpp"

#include <string>
#include <string_view>
#include <vector>

// Text for people. Pure.

namespace ckpt::client {

std::string
short_duration(Duration duration);      ///< two units at most: "2h14m", "45s", "3d4h", "0.3s"
std::string local_time(TimePoint time); ///< "2026-11-21 07:31:26" in the user's zone
std::string ago(TimePoint time, TimePoint now);                        ///< "5m ago"; "in 5m"
std::string optional_bytes(const std::optional<std::uint64_t>& bytes); ///< "512 MB", "-"
std::string generation_text(const GenerationRef& generation);          ///< "j-1 g3"
std::string or_dash(std::string text);
/// "completed", "failed (exit status 7)", "failed (signal 9)".
std::string outcome_of(JobState state, std::optional<int> exit_code, std::optional<int> signal);
/// The outcome with what was said about it, unless that says nothing new.
std::string outcome_with_reason(const api::JobView& job);
/// Why the next checkpoint is due, with a word on what that means where it is not plain.
/// "before_walltime" as people write it: "before walltime".
std::string spaced(std::string_view word);
std::string trigger_text(Trigger trigger);
std::string interval_text(const Interval& interval); ///< "auto", "off", "30m"

/// "slurm 22.05.8", "local".
std::string scheduler_text(const api::SchedulerView& scheduler);

/// Columns of a text table; cells are UTF-8.
class Table {
public:
  enum class Column { left, right, flexible }; ///< flexible: left, and shortened to fit
  explicit Table(std::vector<std::pair<std::string, Column>> columns);
  void row(std::vector<std::string> cells);
  bool empty() const { return rows_.empty(); }
  /// With a header line; no line is wider than `width` while the flexible columns can give way.
  std::string str(std::size_t width) const;

private:
  std::vector<std::pair<std::string, Column>> columns_;
  std::vector<std::vector<std::string>> rows_;
};

std::size_t display_width(const std::string& text);                ///< code points
std::string shortened(const std::string& text, std::size_t width); ///< with "…" at its end
/// Commands of ours in backquotes, with --cluster; unchanged when no cluster is named.
std::string in_cluster(std::string text, const std::string& cluster);
/// Words broken into lines of at most `width`, those after the first indented.
std::string wrapped(const std::string& text, std::size_t width, std::size_t indent);
/// Control characters (but tab and newline), bytes that are no UTF-8, and marks that turn the
/// direction of the text made harmless: job names and file names are anybody's. Colour codes may
/// stay.
std::string printable(const std::string& text, bool keep_colours = false);

} // namespace ckpt::client
