/*
 * What kbuild.app means where a definition is silent: the builder reads it for images: bake, the agent on the
 * server, and they must mean the same file of the same branch.
 */
#pragma once

#define APP_BRANCH  "main"
#define APP_COMPOSE "docker-compose.yml"
