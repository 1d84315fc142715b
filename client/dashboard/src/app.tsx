import { useEffect, useRef, useState } from "preact/hooks";
import { liveState, onLiveState } from "./api/live";
import { currentAccess, enter, onAccess } from "./api/session";
import type { Status } from "./api/types";
import { useResource, useWatched } from "./hooks";
import { useRoute, type Route } from "./router";
import { applyTheme, currentTheme, kThemes, type Theme } from "./theme";
import { ClusterPage } from "./views/cluster";
import { Degraded } from "./views/degraded";
import { Icon, type IconName } from "./views/icons";
import { JobPage } from "./views/job";
import { JobsPage } from "./views/jobs";
import { Notices } from "./views/notices";
import { SignIn } from "./views/signin";

export function App() {
  const access = useWatched(currentAccess, onAccess);
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        Skip to the content
      </a>
      {access.state === "in" ? (
        <Shell />
      ) : (
        <>
          <header class="top">
            <div class="top-inner">
              <Brand />
              <div class="top-right">
                <ThemeSwitch />
              </div>
            </div>
          </header>
          <main id="main" class="page" tabIndex={-1}>
            {access.state === "locked" && <SignIn wrong={access.wrong} />}
            {access.state === "asking" && <p class="muted pad">Asking the daemon…</p>}
            {access.state === "silent" && (
              <div class="card narrow" role="alert">
                <h1>{access.problem.detail}</h1>
                <p>{access.problem.advice}</p>
                <button class="button primary" onClick={() => void enter()}>
                  Try again
                </button>
              </div>
            )}
          </main>
        </>
      )}
      <Notices />
    </>
  );
}

function skip(event: MouseEvent): void {
  event.preventDefault(); // the fragment is the route's
  document.getElementById("main")?.focus();
}

function Shell() {
  const route = useRoute();
  const status = useResource<Status>("/v1/status", () => false, 10_000);
  const main = useRef<HTMLElement>(null);
  const first = useRef(true);
  const key = route.page === "job" ? route.id : route.page;
  useEffect(() => {
    if (!first.current) {
      main.current?.focus({ preventScroll: true }); // a screen reader begins to read the new page
      scrollTo(0, 0);
    }
    first.current = false;
  }, [key]);
  return (
    <>
      <header class="top">
        <div class="top-inner">
          <Brand cluster={status.data?.daemon.cluster} />
          <nav aria-label="Pages">
            <Tab route={route} page="jobs" href="#/" text="Jobs" />
            <Tab route={route} page="cluster" href="#/cluster" text="Health" flag={status.data?.health === "degraded"} />
          </nav>
          <div class="top-right">
            <Live />
            <ThemeSwitch />
          </div>
        </div>
      </header>
      <main id="main" class="page" tabIndex={-1} ref={main}>
        {status.data && route.page !== "cluster" && <Degraded status={status.data} />}
        {route.page === "jobs" && <JobsPage />}
        {route.page === "job" && <JobPage key={route.id} id={route.id} />}
        {route.page === "cluster" && <ClusterPage status={status} />}
      </main>
    </>
  );
}

function Brand({ cluster }: { cluster?: string | undefined }) {
  return (
    <a class="brand" href="#/" title="All jobs">
      <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="var(--accent)" />
        <path d="M7 16h5M20 16h5" stroke="#fff" stroke-width="3" stroke-linecap="round" />
        <path d="m16 10 6 6-6 6-6-6z" fill="#fff" />
      </svg>
      <span class="brand-name">ckptd</span>
      {cluster && <span class="brand-cluster">{cluster}</span>}
    </a>
  );
}

function Tab({ route, page, href, text, flag }: { route: Route; page: string; href: string; text: string; flag?: boolean }) {
  const here = route.page === page || (page === "jobs" && route.page === "job");
  return (
    <a class="tab" href={href} aria-current={here ? "page" : undefined}>
      {text}
      {flag && (
        <span class="tab-flag">
          <Icon name="warning" label="something is wrong" />
        </span>
      )}
    </a>
  );
}

const kLive = { connecting: "Connecting", live: "Live", lost: "Reconnecting" } as const;

function Live() {
  const state = useWatched(liveState, onLiveState);
  return (
    <span class={`live live-${state}`} role="status" title={state === "live" ? "Changes appear by themselves" : "What is shown may be old"}>
      <span class="live-dot" aria-hidden="true" />
      <span class="live-text">{kLive[state]}</span>
    </span>
  );
}

const kThemeIcons: Record<Theme, IconName> = { system: "contrast", light: "sun", dark: "moon" };

function ThemeSwitch() {
  const [theme, setTheme] = useState(currentTheme());
  const next = kThemes[(kThemes.indexOf(theme) + 1) % kThemes.length] as Theme;
  return (
    <button
      class="icon-button"
      title={`Colours: ${theme}. Switch to ${next}.`}
      aria-label={`Colours: ${theme}. Switch to ${next}.`}
      onClick={() => {
        applyTheme(next);
        setTheme(next);
      }}
    >
      <Icon name={kThemeIcons[theme]} />
    </button>
  );
}
