import { configure } from "@testing-library/react";

// A busy machine is no fault: what a test waits for may take its time.
configure({ asyncUtilTimeout: 120_000 });
