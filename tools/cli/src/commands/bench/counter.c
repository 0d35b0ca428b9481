/* A plugin of QEMU's translator (docs/devel/tcg-plugins): adds the length of every block of guest
 * code that is executed to a counter in a file, which whoever measures reads at any time.
 * The few functions are declared here: Debian has no package with qemu-plugin.h. */
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

struct block;
typedef void translated(uint64_t id, struct block *block);
enum { ADD_U64 = 0, API = 1 };
extern void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, translated *call);
extern size_t qemu_plugin_tb_n_insns(const struct block *block);
extern void qemu_plugin_register_vcpu_tb_exec_inline(struct block *block, int op, void *at,
                                                     uint64_t value);

int qemu_plugin_version = API;
static void *counter;

static void on_translated(uint64_t id, struct block *block) {
    (void)id;
    qemu_plugin_register_vcpu_tb_exec_inline(block, ADD_U64, counter,
                                             qemu_plugin_tb_n_insns(block));
}

int qemu_plugin_install(uint64_t id, const void *info, int argc, char **argv) {
    (void)info;
    const char name[] = "counter=";
    if (argc != 1 || strncmp(argv[0], name, sizeof name - 1))
        return 1;
    int file = open(argv[0] + sizeof name - 1, O_RDWR);
    if (file < 0)
        return 1;
    counter = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (counter == MAP_FAILED)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    return 0;
}
