"""Pieces of the solution, which changes replace or surround."""

RESULT = "return 2.0 ** -max(0, min(shift, max_shift_amount))"
ROUND = "round(-math.log2(scale))"
PATH1 = "out = self.relu1(self.bn1(self.conv1(x)))"
PATH2 = "out = self.relu2(self.bn2(self.conv2(out)))"
PATH3 = "out = self.bn3(self.conv3(out))"
IDENTITY = "identity = x if self.downsample is None else self.downsample(x)"
SUM = "return self.skip_add_relu.add_relu(out, identity)"
STEM = "x = self.relu(self.bn1(self.conv1(x)))"
STAGES = "x = self.layer4(self.layer3(self.layer2(self.layer1(x))))"
HEAD = "x = self.fc(torch.flatten(self.avgpool(x), 1))"
GROUPS = 'groups = [["conv1", "bn1", "relu1"], ["conv2", "bn2", "relu2"], ["conv3", "bn3"]]'
CHOICE = "fuse = tq.fuse_modules_qat if is_qat else tq.fuse_modules"
EACH = "block.fuse_model(is_qat)"
STEM_FUSED = 'fuse(self, ["conv1", "bn1", "relu"], inplace=True)'
LOOP = """for block in self.modules():
            if isinstance(block, QuantizableBottleneck):
                block.fuse_model(is_qat)"""
