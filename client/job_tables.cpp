#include "client/job_tables.hpp"

namespace ckpt::client {
namespace {

using Column = Table::Column;

std::string start_of(const api::AttemptView& attempt) {
  return attempt.started_from ? attempt.started_from->generation.str() : "-";
}

} // namespace

Table attempts_table(const std::vector<api::AttemptView>& attempts, TimePoint now) {
  Table table({{"ATTEMPT", Column::right},
               {"SLURM/PID", Column::left},
               {"NODE", Column::flexible},
               {"STATE", Column::left},
               {"FROM", Column::left},
               {"TIME", Column::right},
               {"REASON", Column::flexible}});
  for (const api::AttemptView& attempt : attempts) {
    std::string id = attempt.scheduler_job_id.value;
    if (attempt.restart_count > 0) {
      id += " r" + std::to_string(attempt.restart_count);
    }
    const std::string state(attempt.end_reason ? word(*attempt.end_reason) : word(attempt.state));
    const std::string time =
        attempt.started_at ? short_duration(attempt.ended_at.value_or(now) - *attempt.started_at)
                           : "-";
    table.row({attempt.n.value > 0 ? attempt.n.str() : "-",
               or_dash(id),
               or_dash(attempt.node),
               state,
               start_of(attempt),
               time,
               attempt.reason});
  }
  return table;
}

Table generations_table(const std::vector<api::GenerationView>& generations, TimePoint now) {
  Table table({{"GEN", Column::left},
               {"STATE", Column::left},
               {"TRIGGER", Column::flexible},
               {"BY", Column::right},
               {"FROM", Column::left},
               {"FROZEN", Column::left},
               {"SIZE", Column::right},
               {"STORED", Column::right},
               {"BLOCKED", Column::right},
               {"REASON", Column::flexible}});
  for (const api::GenerationView& one : generations) {
    table.row({one.id.str() + (one.pinned ? "*" : ""),
               std::string(word(one.state)),
               std::string(word(one.trigger)),
               one.attempt ? one.attempt->str() : "-",
               one.parent ? one.parent->str() : "-",
               one.frozen_at ? ago(*one.frozen_at, now) : "-",
               optional_bytes(one.bytes),
               optional_bytes(one.stored_bytes),
               one.blocked ? short_duration(*one.blocked) : "-",
               one.reason});
  }
  return table;
}

} // namespace ckpt::client
