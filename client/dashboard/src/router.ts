import { useEffect, useState } from "preact/hooks";

export type Route = { page: "jobs" } | { page: "job"; id: string } | { page: "cluster" };

export function routeOf(hash: string): Route {
  const path = hash.replace(/^#/, "");
  const id = /^\/jobs\/([\w.-]+)$/.exec(path)?.[1];
  if (id) {
    return { page: "job", id };
  }
  return path === "/cluster" ? { page: "cluster" } : { page: "jobs" };
}

export const jobLink = (id: string): string => `#/jobs/${id}`;

export function useRoute(): Route {
  const [route, setRoute] = useState(routeOf(location.hash));
  useEffect(() => {
    const changed = () => setRoute(routeOf(location.hash));
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  return route;
}
