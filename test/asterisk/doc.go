// Package asterisk gets, configures, starts and stops real Asterisks for tests.
//
// [Install] puts an Asterisk of a given version, with all libraries it needs, into a cache folder; [Start] runs it from there with a
// configuration, folders and ports of its own. Nothing is installed on the host, nothing is mounted, and no root rights are needed: the programs are
// started through the dynamic loader that came with them, so they use their own libraries while they see the host's file system.
//
// Everything listens on the loopback address only. An Asterisk started here never outlives the program that started it, however that ends.
//
// The settings that the environment can hold are described in docs/testing.md.
package asterisk
