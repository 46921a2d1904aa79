// Whom a budget or a limit belongs to: whoever answers for what it counts.
import { membershipsOf } from "../../access/directory.ts";
import type { Target } from "../../access/permissions.ts";
import type { Directory } from "../../store/directory.ts";
import type { Subject } from "../../store/subject.ts";
import type { Reach } from "./route.ts";

/**
 * Seen by those whom it concerns. Changed by those above them: nobody raises a bound that was set to their
 * own organization, team or person.
 */
export async function reachOfSubjects(
  subjects: readonly Subject[],
  directory: Directory,
  purpose: "see" | "change",
): Promise<Reach> {
  const reach: (readonly Target[])[] = [];
  for (const subject of subjects) reach.push(await targetsOf(subject, directory, purpose));
  return reach;
}

async function targetsOf(
  { kind, id }: Subject,
  directory: Directory,
  purpose: "see" | "change",
): Promise<readonly Target[]> {
  switch (kind) {
    case "organization":
      return purpose === "see" ? [{ organizationId: id }] : [{}];
    case "team": {
      const team = await directory.teams.get(id);
      if (!team) return [{}];
      const { organizationId } = team;
      return purpose === "see" ? [{ organizationId, teamId: id }] : [{ organizationId }];
    }
    case "user": {
      if (purpose === "change") return [{}];
      const memberships = await membershipsOf(directory, id);
      return [
        { userId: id },
        ...memberships.map(({ organizationId, teamId }) => ({ organizationId, teamId })),
      ];
    }
    case "key": {
      const key = await directory.keys.get(id);
      if (!key) return [{}];
      const { organizationId, teamId, userId } = key;
      return [{ organizationId, teamId, userId, keyId: id }];
    }
    case "gateway":
    case "end_user":
    case "tag":
    case "model":
      return [{}];
    default:
      return kind satisfies never;
  }
}
