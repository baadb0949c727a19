/**
 * What is typed, kept in this browser per student, attempt, question and language. Framework-free.
 *
 * Each entry is one item of localStorage under its own key, so that two tabs on two questions never write over each
 * other; on the same question the newest wins, and `watch` tells the other tab.
 */

export interface Place {
  student: string;
  attemptId: string;
  questionId: string;
}

export interface KeptCode {
  code: string;
  /** Offset of the caret in UTF-16 units. */
  caret: number;
  /** Epoch ms. */
  savedAt: number;
}

export interface KeptQuestion {
  language: string;
  stdin: string;
  ownInput: boolean;
  /** Which outcome is looked at. */
  tab: "run" | "submit" | "history";
  savedAt: number;
}

export interface KeptAttempt {
  questionId: string;
  /** Those opened by their ids, where the exam lists none. */
  opened: string[];
  savedAt: number;
}

const PREFIX = "run-code-page:kept:";
const KEPT_FOR = 30 * 24 * 3600 * 1000;

export class CodeStore {
  /** `storage` throws at each use where the browser forbids it; that is the same as full. */
  constructor(private readonly storage: () => Storage = () => localStorage) {}

  code(place: Place, language: string): KeptCode | null {
    return this.read<KeptCode>(codeKey(place, language), (kept) => typeof kept.code === "string");
  }

  /** False: it is not kept, since the storage is full or forbidden. */
  keepCode(place: Place, language: string, kept: KeptCode): boolean {
    return this.write(codeKey(place, language), kept);
  }

  question(place: Place): KeptQuestion | null {
    return this.read<KeptQuestion>(questionKey(place), (kept) => typeof kept.language === "string");
  }

  keepQuestion(place: Place, kept: KeptQuestion): boolean {
    return this.write(questionKey(place), kept);
  }

  attempt(student: string, attemptId: string): KeptAttempt | null {
    return this.read<KeptAttempt>(key("attempt", student, attemptId), (kept) => Array.isArray(kept.opened));
  }

  keepAttempt(student: string, attemptId: string, kept: KeptAttempt): boolean {
    return this.write(key("attempt", student, attemptId), kept);
  }

  /** Forgets what was not touched for thirty days, and what is damaged. */
  clean(now: number): void {
    try {
      const storage = this.storage();
      const keys = Array.from({ length: storage.length }, (_, index) => storage.key(index));
      for (const each of keys) {
        if (!each?.startsWith(PREFIX)) continue;
        const kept = this.read<{ savedAt: number }>(each, () => true);
        if (!kept || now - kept.savedAt > KEPT_FOR) storage.removeItem(each);
      }
    } catch {}
  }

  /** Calls back when another tab has kept newer code for it. Returns what ends the watching. */
  watch(place: Place, language: string, onNewer: (kept: KeptCode) => void): () => void {
    const wanted = codeKey(place, language);
    const onStorage = (event: StorageEvent) => {
      if (event.key !== wanted) return;
      const kept = this.code(place, language);
      if (kept) onNewer(kept);
    };
    window.addEventListener("storage", onStorage);
    return () => window.removeEventListener("storage", onStorage);
  }

  private read<T extends { savedAt: number }>(at: string, isWhole: (kept: Partial<T>) => boolean): T | null {
    try {
      const kept = JSON.parse(this.storage().getItem(at) ?? "null") as Partial<T> | null;
      return kept && typeof kept.savedAt === "number" && isWhole(kept) ? (kept as T) : null;
    } catch {
      return null;
    }
  }

  private write(at: string, kept: object): boolean {
    try {
      this.storage().setItem(at, JSON.stringify(kept));
      return true;
    } catch {
      return false;
    }
  }
}

function key(kind: string, ...parts: string[]): string {
  return `${PREFIX}${[kind, ...parts].map(encodeURIComponent).join(":")}`;
}

function codeKey({ student, attemptId, questionId }: Place, language: string): string {
  return key("code", student, attemptId, questionId, language);
}

function questionKey({ student, attemptId, questionId }: Place): string {
  return key("question", student, attemptId, questionId);
}
