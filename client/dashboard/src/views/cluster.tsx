import type { ComponentChildren } from "preact";
import { useEffect } from "preact/hooks";
import type { Coordinator, List, Node, Stats, Status } from "../api/types";
import { useNow, useResource, type Resource } from "../hooks";
import { bytes, duration, relative, schedulerName, words } from "../model/format";
import { jobLink } from "../router";
import { Word } from "./badge";
import { Degraded } from "./degraded";
import { Prose } from "./prose";
import { Empty, Failure } from "./states";

export function ClusterPage({ status }: { status: Resource<Status> }) {
  const coordinators = useResource<List<Coordinator>>("/v1/coordinators", (event) => event.type.startsWith("attempt_"), 30_000);
  const nodes = useResource<List<Node>>("/v1/nodes", (event) => event.type.startsWith("attempt_"), 30_000);
  const stats = useResource<Stats>("/v1/stats", (event) => event.type === "checkpoint_sealed", 30_000);
  const now = useNow();
  useEffect(() => {
    document.title = "Health · ckptd";
  }, []);
  const { data, problem } = status;
  return (
    <>
      <div class="head">
        <h1>Health</h1>
        {data && <Word tone={data.health === "ok" ? "good" : "bad"} text={data.health === "ok" ? "all is well" : "degraded"} />}
      </div>
      {problem && <Failure text={problem.detail} advice={problem.advice} />}
      {!data && !problem && <Empty text="Asking the daemon…" />}
      {data && (
        <>
          <Degraded status={data} />
          <div class="tiles">
            <Scheduler status={data} now={now} />
            <Engines status={data} />
            <Store status={data} stats={stats.data} />
            <Daemon status={data} now={now} />
          </div>
          {stats.data && <StatsView stats={stats.data} />}
          {nodes.data && <Nodes nodes={nodes.data.items} now={now} />}
          {coordinators.data && coordinators.data.items.length > 0 && <Coordinators items={coordinators.data.items} />}
        </>
      )}
    </>
  );
}

function Tile({ title, children }: { title: string; children: ComponentChildren }) {
  return (
    <section class="card tile">
      <h2>{title}</h2>
      {children}
    </section>
  );
}

function Scheduler({ status: { scheduler }, now }: { status: Status; now: number }) {
  const local = scheduler.kind === "local";
  return (
    <Tile title="Scheduler">
      <p class="tile-value">{local ? "this machine" : schedulerName(scheduler)}</p>
      <p>
        <Word tone={scheduler.up ? "good" : "bad"} text={scheduler.up ? "answers" : "does not answer"} />
      </p>
      <p class="muted">{scheduler.detail || (scheduler.asked_at ? `asked ${relative(scheduler.asked_at, now)}` : "not asked yet")}</p>
    </Tile>
  );
}

function Engines({ status }: { status: Status }) {
  return (
    <Tile title="Engines">
      <ul class="list">
        {status.engines.map((one) => (
          <li key={one.engine}>
            <span class="strong">{one.engine}</span> {one.usable && one.engine !== "app" && <span class="muted">{one.version}</span>}
            <Word tone={one.usable ? "good" : "off"} text={one.usable ? "usable" : "not usable"} />
            {one.detail && <p class="muted">{one.detail}</p>}
          </li>
        ))}
      </ul>
    </Tile>
  );
}

function Store({ status: { store }, stats }: { status: Status; stats: Stats | null }) {
  const used = store.total_bytes > 0 ? 1 - store.available_bytes / store.total_bytes : 0;
  return (
    <Tile title="Store">
      <p class="tile-value">{bytes(store.available_bytes)} free</p>
      <div class="meter big" role="meter" aria-label="Used space" aria-valuemin={0} aria-valuemax={100} aria-valuenow={Math.round(used * 100)}>
        <span style={{ width: `${used * 100}%` }} />
      </div>
      <p class="muted">
        {Math.round(used * 100)} % of {bytes(store.total_bytes)} used, {store.filesystem}
        {stats && `; checkpoints hold ${bytes(stats.stored_bytes)}`}
      </p>
      <p class="mono small break">{store.path}</p>
    </Tile>
  );
}

function Daemon({ status: { daemon }, now }: { status: Status; now: number }) {
  return (
    <Tile title="Daemon">
      <p class="tile-value">ckptd {daemon.version}</p>
      <p>
        on {daemon.host}, pid {daemon.pid}
      </p>
      <p class="muted">
        cluster {daemon.cluster}, up for {duration((now - Date.parse(daemon.started_at)) / 1000)}
      </p>
      <p class="mono small break">{daemon.state_dir}</p>
    </Tile>
  );
}

function StatsView({ stats }: { stats: Stats }) {
  const { accounting } = stats;
  return (
    <dl class="facts card" aria-label="Numbers of all jobs">
      {[
        ["Computed", duration(Math.floor(accounting.run_seconds)), "by all jobs"],
        ["Saved", duration(Math.floor(accounting.saved_seconds)), "that restarts did not repeat"],
        ["Lost", duration(Math.floor(accounting.lost_seconds)), "computed again, or set aside"],
        ["Checkpoints", String(stats.checkpoints.reduce((sum, one) => sum + one.count, 0)), outcomes(stats)],
      ].map(([name, value, note]) => (
        <div class="fact" key={name}>
          <dt>{name}</dt>
          <dd>
            <span class="fact-value">{value}</span>
            <span class="fact-note">{note}</span>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function outcomes(stats: Stats): string {
  const sums = new Map<string, number>();
  stats.checkpoints.forEach((one) => sums.set(one.outcome, (sums.get(one.outcome) ?? 0) + one.count));
  return [...sums].map(([outcome, count]) => `${count} ${words(outcome)}`).join(", ") || "none yet";
}

function Nodes({ nodes, now }: { nodes: Node[]; now: number }) {
  return (
    <section class="card" aria-labelledby="nodes-title">
      <h2 id="nodes-title">Nodes</h2>
      <div class="scroll" tabIndex={0} role="group" aria-label="Nodes, a table">
        <table class="plain">
          <thead>
            <tr>
              {["Node", "State", "Jobs", "Attempts", "Refusals", "Seen"].map((title) => (
                <th scope="col" key={title}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {nodes.map((node) => (
              <tr key={node.name}>
                <th scope="row">{node.name}</th>
                <td>
                  {node.state}
                  {node.reason && <div class="sub">{node.reason}</div>}
                </td>
                <td>
                  {node.jobs.map((id) => (
                    <a key={id} href={jobLink(id)} class="mono spaced">
                      {id}
                    </a>
                  ))}
                </td>
                <td class="num">{node.attempts_count}</td>
                <td class="num">
                  {node.refusals_count}
                  {node.last_refusal && (
                    <div class="sub">
                      <Prose text={node.last_refusal} />
                    </div>
                  )}
                </td>
                <td>{relative(node.last_seen_at, now) || "–"}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Coordinators({ items }: { items: Coordinator[] }) {
  return (
    <section class="card" aria-labelledby="coordinators-title">
      <h2 id="coordinators-title">Coordinators</h2>
      <div class="scroll" tabIndex={0} role="group" aria-label="Coordinators, a table">
        <table class="plain">
          <thead>
            <tr>
              {["Job", "Attempt", "Engine", "Address", "State"].map((title) => (
                <th scope="col" key={title}>
                  {title}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {items.map((one) => (
              <tr key={`${one.job}.${one.attempt}`}>
                <th scope="row">
                  <a href={jobLink(one.job)}>{one.job}</a>
                </th>
                <td class="num">{one.attempt}</td>
                <td>
                  {one.engine} {one.version}
                </td>
                <td class="mono">
                  {one.host}:{one.port}
                </td>
                <td>{one.state}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
