# Prints as JSON what a Vagrantfile makes of each host on each provider:
#
#   ruby hosts.rb FOLDER PROVIDER...
#
# `vagrant validate` asks the same, but only of a provider whose engine runs here, and accepts options that the provider
# does not have.
require 'json'
require 'vagrant'

folder, *providers = ARGV
environment = Vagrant::Environment.new(cwd: folder, ui_class: Vagrant::UI::Silent)

def provisioner(entry)
  { name: entry.name, arguments: entry.config.respond_to?(:args) ? entry.config.args : nil }
end

def describe(environment, name, provider)
  machine = environment.vagrantfile.machine_config(name, provider, nil)
  vm = machine[:config].vm
  options = vm.get_provider_config(provider)
  shared = vm.synced_folders.reject { |_, folder| folder[:disabled] }
  { name: name, hostname: vm.hostname,
    addresses: vm.networks.filter_map { |kind, network| network[:ip] if kind == :private_network },
    folders: shared.map { |place, folder| [place, folder[:type]] },
    provisioners: vm.provisioners.map { |entry| provisioner(entry) },
    faults: machine[:config_errors] + options._detected_errors }
end

described = providers.map(&:to_sym).to_h do |provider|
  implementation, = Vagrant.plugin('2').manager.providers[provider]
  abort "no plugin for #{provider}" unless implementation
  # Whether its engine runs here does not matter to what it would be told.
  implementation.define_singleton_method(:usable?) { |*| true }
  [provider, environment.machine_names.map { |name| describe(environment, name, provider) }]
end
puts JSON.generate(described)
