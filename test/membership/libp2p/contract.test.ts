import { transportContract } from "../../contract/transport.ts";
import { RealWorld } from "./world.ts";

transportContract("libp2p", async () => new RealWorld());
